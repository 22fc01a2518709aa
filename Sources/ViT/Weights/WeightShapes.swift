import Tensors

extension VisionTransformer.Configuration {
    /// The official names of the model's tensors with their shapes.
    package var weightShapes: [(name: String, shape: Shape)] {
        var shapes: [(name: String, shape: Shape)] = [
            ("cls_token", [1, 1, width]),
            ("pos_embed", [1, 1 + positionGrid.count, width]),
            ("patch_embed.proj.weight", [width, 3, patchSize, patchSize]),
            ("patch_embed.proj.bias", [width]),
        ]
        for block in 0..<depth {
            shapes += [
                ("blocks.\(block).norm1.weight", [width]),
                ("blocks.\(block).norm1.bias", [width]),
                ("blocks.\(block).attn.qkv.weight", [3 * width, width]),
                ("blocks.\(block).attn.qkv.bias", [3 * width]),
                ("blocks.\(block).attn.proj.weight", [width, width]),
                ("blocks.\(block).attn.proj.bias", [width]),
                ("blocks.\(block).norm2.weight", [width]),
                ("blocks.\(block).norm2.bias", [width]),
                ("blocks.\(block).mlp.fc1.weight", [hiddenWidth, width]),
                ("blocks.\(block).mlp.fc1.bias", [hiddenWidth]),
                ("blocks.\(block).mlp.fc2.weight", [width, hiddenWidth]),
                ("blocks.\(block).mlp.fc2.bias", [width]),
            ]
        }
        return shapes + [("norm.weight", [width]), ("norm.bias", [width])]
    }

    /// Such as `ViT-S/8`, or for other sizes `ViT 96x2 (3 heads)/8`.
    public var name: String {
        let known = [192: "Ti", 384: "S", 768: "B", 1024: "L"]
        let depthOfKnown = width == 1024 ? 24 : 12
        if let letter = known[width], depth == depthOfKnown, heads * 64 == width,
            hiddenWidth == 4 * width
        {
            return "ViT-\(letter)/\(patchSize)"
        }
        return "ViT \(width)x\(depth) (\(heads) head\(heads == 1 ? "" : "s"))/\(patchSize)"
    }
}
