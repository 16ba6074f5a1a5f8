"""torchvision: nms and, by class, batched_nms; float32 tensors, as a network gives them."""

import torch
from torchvision.ops import batched_nms, nms


def suppress(cloud, threshold, labels):
    torch.set_num_threads(1)
    boxes, scores = torch.from_numpy(cloud.boxes).float(), torch.from_numpy(cloud.scores).float()
    if labels is None:
        return lambda: nms(boxes, scores, threshold).numpy()
    kinds = torch.from_numpy(labels)
    return lambda: batched_nms(boxes, scores, kinds, threshold).numpy()
