import ViT
