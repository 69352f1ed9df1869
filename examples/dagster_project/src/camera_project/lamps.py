"""The model: finds the lamp. Any function from images (N, H, W, 3) uint8 to one list per image will do."""


def find(images):
    return [lamp(image) for image in images]


def lamp(image):
    bright = image.astype(int).sum(axis=2) > 500
    if not bright.any():
        return []
    rows, columns = bright.any(axis=1).nonzero()[0], bright.any(axis=0).nonzero()[0]
    x, y = int(columns[0]), int(rows[0])
    box = [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
    return [{"category_id": 0, "bbox": box, "score": 0.9}]
