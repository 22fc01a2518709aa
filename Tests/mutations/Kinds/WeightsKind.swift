import DINO
import Descriptors
import Tensors
import ViT

/// The weights of a network, alone or in a checkpoint, opened as a network and converted.
struct WeightsKind: Kind {
    let name = "weights"
    let fileName = "weights.pth"
    let seeds: [[UInt8]]

    init() throws {
        let own = try [ElementType.float32, .float16, .bfloat16].map { type in
            try Fixtures.written { try Fixtures.model.write(to: $0, elementType: type) }
        }
        seeds =
            try own + own + own
            + Fixtures.files(in: "ViTTests/Fixtures/Weights", types: ["pth", "safetensors"])
            + Fixtures.files(in: "ViTTests/Fixtures/Families", types: ["official.safetensors"])
            + CheckpointKind.checkpoints()
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        TensorKind.restructured(bytes, using: &random)
    }

    func use(_ path: String) throws { try Self.use(path) }

    static func use(_ path: String) throws {
        let file = try WeightFile(contentsOf: path)
        let network = try file.network()
        run(network)
        for naming in [Naming.official, .timm] {
            _ = try Fixtures.written { try network.write(to: $0, naming: naming) }
        }
        // Rejected if a parameter exceeds the range; that error names the new file.
        _ = try? Fixtures.written { try network.write(to: $0, elementType: .float16) }
    }

    /// Extracts features of a picture of four patches, if the patches and the network are small.
    private static func run(_ network: VisionTransformer) {
        let configuration = network.configuration
        guard configuration.patchSize <= 64, configuration.parameterCount <= 1 << 20 else { return }
        let photo = Fixtures.photo(5, side: 2 * configuration.patchSize)
        var extractor = Extractor(
            network,
            FeatureOptions(stride: PatchStride(configuration.patchSize), loadSize: nil))
        do {
            for facet in [Facet.key, .token] {
                extractor.tap.facet = facet
                _ = try extractor.descriptors(of: photo)
            }
            _ = try extractor.saliency(of: photo)
        } catch {
            // Such an error concerns the picture or its features, not the file.
        }
    }
}
