"""Work on the objects of another task: their boxes, from where they are made to where they are needed."""
