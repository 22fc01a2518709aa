import Descriptors
import Tensors
import Testing
import ViT

@Suite struct ImageFeaturesTests {
    /// A small network with random weights.
    static let network: VisionTransformer = {
        let configuration = VisionTransformer.Configuration(
            width: 24, depth: 3, heads: 6, patchSize: 4,
            positionGrid: PatchGrid(rows: 4, columns: 4))
        var seed: UInt64 = 0
        return VisionTransformer(configuration: configuration) { name in
            func tensor(_ shape: Shape) -> Tensor {
                seed += 1
                return Tensor(noise(shape.count, seed: seed).map { 0.3 * $0 }, shape: shape)
            }
            switch name.split(separator: ".").suffix(2).joined(separator: ".") {
            case "cls_token": return tensor([1, 1, 24])
            case "pos_embed": return tensor([1, 17, 24])
            case "proj.weight" where name.hasPrefix("patch"): return tensor([24, 3, 4, 4])
            case "proj.weight": return tensor([24, 24])
            case "qkv.weight": return tensor([72, 24])
            case "qkv.bias": return tensor([72])
            case "fc1.weight": return tensor([96, 24])
            case "fc1.bias": return tensor([96])
            case "fc2.weight": return tensor([24, 96])
            default: return tensor([24])
            }
        }
    }()

    @Test func onePassGivesBoth() {
        var options = Correspondences.Options()
        options.layer = 1
        options.stride = PatchStride(vertical: 2, horizontal: 4)
        let image = Tensor(noise(3 * 18 * 21, seed: 99), shape: [1, 3, 18, 21])
        let found = Self.network.imageFeatures(
            of: image, photoWidth: 42, photoHeight: 54, options: options)
        #expect(found.descriptors.grid == PatchGrid(rows: 8, columns: 5))
        #expect(found.descriptors.pixel(of: .init(row: 1, column: 2)) == .init(x: 20, y: 12))

        // Each by a pass of its own, one number at a time.
        let keyTap = FeatureTap(layer: 1, facet: .key)
        let attentionTap = FeatureTap(layer: 2, facet: .classAttention)
        let keys = Self.network.features(of: image, at: [keyTap], stride: options.stride)[keyTap]
        let attention = Self.network.features(
            of: image, at: [attentionTap], stride: options.stride)[attentionTap]
        for channel in 0..<24 {
            let (dimension, head) = (channel / 6, channel % 6)
            #expect(found.descriptors.values[3, 4, channel] == keys[0, 20, head * 4 + dimension])
        }
        let means = (1...40).map { patch in
            [0, 2, 4, 5].reduce(0) { $0 + Double(attention[0, $1, patch]) } / 4
        }
        let (least, greatest) = (means.min() ?? 0, means.max() ?? 0)
        // Single precision beside double, magnified by the division by a small range.
        #expect(
            greatestDifference(
                found.saliency.values.elements,
                means.map { Float(($0 - least) / (greatest - least)) }) < 1e-4)
    }

    @Test func aPhotoMatchesItself() {
        var options = Correspondences.Options()
        options.layer = 1
        let image = Tensor(noise(3 * 32 * 28, seed: 98), shape: [1, 3, 32, 28])
        let features = Self.network.imageFeatures(
            of: image, photoWidth: 28, photoHeight: 32, options: options)
        let found = correspondences(between: features, and: features, options: options)
        #expect(found.bestBuddies == 56)
        #expect(found.pairs.count == 10)
        #expect(found.pairs.allSatisfy { $0.source == $0.target })
    }
}
