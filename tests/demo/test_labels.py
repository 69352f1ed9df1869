"""The demo's labels, beside the truth that the footage itself tells."""

import numpy as np
from pycocotools import mask as coco_mask

from lightly_assets.demo.input import Clip
from lightly_assets.demo.labels import demo_labels
from lightly_assets.format.names.frame_names import frame_name

CLIP = Clip("a b/drive.v1.MP4", seed=69, weather="sunny", frames=10)
STILL = Clip("still.PNG", seed=6, weather="clouded", start=2.0)


def test_labels_are_the_truth() -> None:
    document = demo_labels((CLIP, STILL))
    names = [frame_name(CLIP.key, index, CLIP.frames) for index in range(CLIP.frames)]
    assert [one["file_name"] for one in document["images"]] == [*names, "still.PNG"]
    pictures = [*CLIP.pictures(), *STILL.pictures()]
    seen = 0
    for image, picture in zip(document["images"], pictures, strict=True):
        labels = [one for one in document["annotations"] if one["image_id"] == image["id"]]
        assert len(labels) == len(picture.truth.objects)
        for number, (label, truth) in enumerate(zip(labels, picture.truth.objects, strict=True)):
            height, width = label["segmentation"]["size"]
            mask = coco_mask.decode(coco_mask.frPyObjects(label["segmentation"], height, width))
            assert np.array_equal(mask.astype(bool), picture.truth.mask(number))
            assert label["area"] == mask.sum() and tuple(label["bbox"]) == truth.box
            assert document["categories"][label["category_id"]]["name"] == truth.category
            assert len(label["keypoints"]) == 3 * len(truth.keypoints)
            seen += not label["iscrowd"]
    assert seen > 20
