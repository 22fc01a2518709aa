import Descriptors
import Images
import Tensors
import Testing
import ViT

@Suite struct ExtractionTests {
    /// A small network with random weights.
    static let network: VisionTransformer = {
        let configuration = VisionTransformer.Configuration(
            width: 24, depth: 3, heads: 6, patchSize: 4,
            positionGrid: PatchGrid(rows: 4, columns: 4))
        var seed: UInt64 = 0
        return VisionTransformer(
            configuration,
            from: ParameterSource { _, shape, _ in
                seed += 1
                return Tensor(noise(shape.count, seed: seed).map { 0.3 * $0 }, shape: shape)
            })
    }()

    static func photo(width: Int, height: Int, seed: UInt64) -> Image {
        var generator = Xoshiro256(seed: seed)
        return Image(
            width: width, height: height,
            pixels: (0..<(width * height * 3)).map { _ in UInt8(generator.nextIndex(below: 256)) })
    }

    @Test func onePassGivesDescriptorsAndSaliency() throws {
        let photo = Self.photo(width: 42, height: 36, seed: 99)
        // 21x18 pixels in the network, and a different stride in each direction.
        let stride = PatchStride(vertical: 2, horizontal: 4)
        let extractor = Extractor(
            Self.network, FeatureOptions(layer: 1, stride: stride, loadSize: 18))
        let input = try extractor.networkImage(of: photo)
        let found = try extractor.imageFeatures(of: input)
        #expect(found.descriptors.grid == PatchGrid(rows: 8, columns: 5))
        #expect(found.descriptors.pixel(of: .init(row: 1, column: 2)) == .init(x: 20, y: 8))

        // Each from a separate pass, element by element.
        let tensor = extractor.preprocessing.tensor(
            of: input.image, for: Self.network.configuration
        )
        .reshaped(to: [1, 3, 18, 21])
        let keyTap = FeatureTap(layer: 1, facet: .key)
        let attentionTap = FeatureTap(layer: 2, facet: .classAttention)
        let keys = Self.network.features(of: tensor, at: [keyTap], stride: stride)[keyTap]
        let attention = Self.network.features(
            of: tensor, at: [attentionTap], stride: stride)[attentionTap]
        for channel in 0..<24 {
            let (dimension, head) = (channel / 6, channel % 6)
            #expect(found.descriptors.values[3, 4, channel] == keys[0, 20, head * 4 + dimension])
        }
        let means = (1...40).map { patch in
            [0, 2, 4, 5].reduce(0) { $0 + Double(attention[0, $1, patch]) } / 4
        }
        let (least, greatest) = (means.min() ?? 0, means.max() ?? 0)
        // Single against double precision, magnified by the division by a small range.
        #expect(
            greatestDifference(
                found.saliency.values.elements,
                means.map { Float(($0 - least) / (greatest - least)) }) < 1e-4)
    }

    @Test func photoMatchesItself() throws {
        let options = Correspondences.Options(features: FeatureOptions(layer: 1, loadSize: nil))
        let photo = Self.photo(width: 28, height: 32, seed: 98)
        let found = try correspondences(
            between: photo, and: photo, using: Self.network, options: options)
        #expect(found.bestBuddies == 56)
        #expect(found.pairs.count == 10)
        #expect(found.pairs.allSatisfy { $0.source == $0.target })
    }

    @Test func rejectsUnsuitableImagesAndOptions() {
        let photo = Self.photo(width: 9, height: 3, seed: 97)
        func extractor(
            layer: Int = 0, stride: Int = 4, heads: [Int]? = nil
        ) -> Extractor {
            Extractor(
                Self.network,
                FeatureOptions(
                    layer: layer, stride: PatchStride(stride), loadSize: nil, saliencyHeads: heads))
        }
        #expect(throws: ExtractionError.imageTooSmall(width: 9, height: 3, patchSize: 4)) {
            try extractor().descriptors(of: photo)
        }
        #expect(throws: ExtractionError.noSuchLayer(layer: 3, depth: 3)) {
            try extractor(layer: 3).descriptors(of: photo)
        }
        #expect(throws: ExtractionError.noSuchHead(head: 7, heads: 6)) {
            try extractor(heads: [0, 7]).saliency(of: photo)
        }
        #expect(throws: ExtractionError.badStride(PatchStride(5), patchSize: 4)) {
            try extractor(stride: 5).descriptors(of: photo)
        }
    }
}
