"""The one reader of COCO files: annotations and results, whoever wrote them."""
