import DINO
import Descriptors
import Tensors
import ViT

/// Weights of a network, alone or in a checkpoint, as a network to use, to convert and to learn from.
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

    func restructured(_ bytes: [UInt8], using chance: inout Xoshiro256) -> [UInt8]? {
        TensorKind.restructured(bytes, using: &chance)
    }

    func use(_ path: String) throws { try Self.use(path) }

    static func use(_ path: String) throws {
        let file = try WeightFile(contentsOf: path)
        let network = try file.network()
        run(network)
        for naming in [Naming.official, .timm] {
            _ = try Fixtures.written { try network.write(to: $0, naming: naming) }
        }
        // Refused where a parameter leaves the range; the sentence is about the new file.
        _ = try? Fixtures.written { try network.write(to: $0, elementType: .float16) }
    }

    /// Takes the features of a picture of four patches, if they are small.
    private static func run(_ network: VisionTransformer) {
        let configuration = network.configuration
        guard configuration.patchSize <= 64, configuration.parameterCount <= 1 << 20 else { return }
        let photo = Fixtures.photo(5, side: 2 * configuration.patchSize)
        let extractor = Extractor(network, preprocessing: Preprocessing(loadSize: nil))
        do {
            for facet in [Facet.key, .token] {
                _ = try extractor.descriptors(of: photo, layer: -1, facet: facet)
            }
            _ = try extractor.saliency(of: photo)
        } catch {
            // It is about the picture, or what came out of it, and knows of no file.
        }
    }
}
