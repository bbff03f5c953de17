"""Lets torchvision load beside a torch that its compiled part was not built for, as on CPUs.

The wheel's compiled part is linked to CUDA. Without it torchvision does not know its own operators, describes two of
them all the same, and fails: `operator torchvision::nms does not exist`. Image processors need none of them. So their
schemas are declared just before they are described, where the compiled part has not loaded, in every process of the
environment: `make` puts this file into site-packages, with a .pth file that imports it.
"""

import sys

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class Declared:
    """Finds no module; it only sees `torchvision._meta_registrations` coming."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torchvision._meta_registrations":
            declare()


def declare():
    import torch
    from torchvision import extension

    if not extension._has_ops():
        for name in OPERATORS:
            torch.library.define(f"torchvision::{name}", SCHEMA)


sys.meta_path.insert(0, Declared)
