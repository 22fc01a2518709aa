import Benchmark
import Cases
import DINO
import Descriptors
import Images
import Tensors
import ViT

/// Matrix products A Bᵀ at a ViT-S/8's shapes, and those of matching: rows x outputs x inputs.
func products(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "product")
    func add(_ m: Int, _ n: Int, _ k: Int, after map: InputMap? = nil) {
        let x = Lazy { noise([m, k]) }
        let weight = Lazy { noise([n, k]) }
        let bias = Lazy { noise([n]) }
        let name = "\(m)x\(n)x\(k)" + (map == nil ? "" : " bias GELU")
        record.add(name, to: suite, operations: 2 * Double(m * n) * Double(k)) {
            _ = x.value.linear(
                weight: weight.value, bias: map == nil ? nil : bias.value,
                after: map ?? .identity)
        }
    }
    for tokens in [785, 3025] {
        add(tokens, 384, 192)  // patches
        add(tokens, 1152, 384)  // queries, keys and values
        add(tokens, 384, 384)  // attention's output
        add(tokens, 1536, 384)  // the perceptron's hidden layer
        add(tokens, 384, 1536)  // the perceptron's output
        add(tokens, 384, 1536, after: .gelu)
    }
    add(3025, 3025, 384)  // similarities of plain descriptors
    add(3025, 3025, 6528)  // similarities of binned ones, which `bestBuddies` avoids
    return suite
}

/// Tiled attention with six heads of 64 channels.
func attention(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "attention")
    for tokens in [785, 3026] {
        // Scores then have a deviation of 4, about a trained network's.
        let projection = Lazy { noise([1, tokens, 1152], within: 3.5) }
        record.add(
            "\(tokens) tokens", to: suite, operations: 4 * Double(tokens * tokens) * 384
        ) {
            _ = projection.value.attention(heads: 6)
        }
    }
    return suite
}

/// One image of 224x224 through a ViT-S/8.
func network(_ record: Record, model: Lazy<VisionTransformer>) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "network")
    let image = Lazy { noise([1, 3, 224, 224]) }
    func add(_ name: String, stride: Int, to tap: FeatureTap, operations: Double) {
        record.add("\(name), stride \(stride)", to: suite, operations: operations) {
            _ = model.value.features(
                of: image.value, at: [tap], stride: PatchStride(stride))
        }
    }
    for stride in [8, 4] {
        let side = Double(1 + (224 - 8) / stride)
        let tokens = side * side + 1
        let linear = 2 * tokens * 384 * 384
        let block = 12 * linear + 4 * tokens * tokens * 384
        let patches = 2 * tokens * 192 * 384
        add(
            "keys of layer 0", stride: stride, to: FeatureTap(layer: 0, facet: .key),
            operations: patches + linear)
        add(
            "keys of layer 11", stride: stride, to: FeatureTap(layer: 11, facet: .key),
            operations: patches + 11 * block + linear)
        add(
            "tokens of layer 11", stride: stride, to: FeatureTap(layer: 11, facet: .token),
            operations: patches + 12 * block)
    }
    return suite
}

/// Descriptors of 55x55 cells and 384 channels, as stride 4 gives at 224 pixels.
func descriptors(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "descriptors")
    let geometry = DescriptorGrid.Geometry(
        width: 224, height: 224, patchSize: 8, stride: PatchStride(4))
    func grid(seed: UInt64) -> DescriptorGrid {
        DescriptorGrid(values: noise([55, 55, 384], seed: seed), geometry: geometry)
    }
    let a = Lazy { grid(seed: 1) }
    let b = Lazy { grid(seed: 2) }
    record.add("log-binning", to: suite) { _ = a.value.logBinned() }
    let product = 2 * 3025.0 * 3025 * 384
    record.add("best buddies, plain", to: suite, operations: product) {
        _ = bestBuddies(a.value, b.value, binning: .none)
    }
    record.add("best buddies, binned", to: suite, operations: 2 * product) {
        _ = bestBuddies(a.value, b.value)
    }
    return suite
}

/// Two decoded photos to correspondences with the default options.
func matching(_ record: Record, model: Lazy<VisionTransformer>) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "match")
    let photos = Lazy { [0, 24].map { scene(side: 480, shift: $0) } }
    record.add("480x480 at 224 px, stride 4", to: suite) {
        // These photos and this network fit the default options: it cannot throw.
        _ = try? correspondences(
            between: photos.value[0], and: photos.value[1], using: model.value)
    }
    return suite
}

/// The crops of one picture of 500x375 with the default options, 2 of 224 and 8 of 96 pixels, on one
/// thread. Each run draws new crops: the time is that of an average crop, not of one seed's.
func multiCrop(_ record: Record) -> BenchmarkSuite {
    let suite = BenchmarkSuite(name: "multi-crop")
    let picture = Lazy {
        scene(side: 500, shift: 0).cropped(to: Box(x: 0, y: 0, width: 500, height: 375))
    }
    let options = MultiCrop()
    var batch = options.emptyBatch(count: 1)
    var generator = Xoshiro256(seed: 1)
    record.add("2x224 + 8x96 of 500x375", to: suite) {
        options.writeCrops(of: picture.value, to: &batch, at: 0, using: &generator)
    }
    return suite
}
