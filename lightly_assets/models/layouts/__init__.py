"""Output layouts: how families of models write down what they found. A new one is a new file here."""
