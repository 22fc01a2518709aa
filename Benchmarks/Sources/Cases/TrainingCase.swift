import DINO
import Tensors
import ViT

/// One step of training: both networks, the gradient, clipping, AdamW and the teacher's average.
public struct TrainingCase: Sendable {
    public let name: String
    let network: VisionTransformer.Configuration
    let patchSize: Int
    let globals: Int
    let locals: (count: Int, side: Int)
    let batch: Int
    let prototypes: Int

    public static let all = [
        TrainingCase(
            name: "vit-s16", network: .small(), patchSize: 16, globals: 224, locals: (8, 96),
            batch: 8, prototypes: 65536),
        TrainingCase(
            name: "vit-ti16", network: .tiny(), patchSize: 16, globals: 224, locals: (8, 96),
            batch: 8, prototypes: 4096),
        TrainingCase(
            name: "vit-ti8", network: .tiny(), patchSize: 8, globals: 64, locals: (6, 32),
            batch: 32, prototypes: 1024),
        TrainingCase(
            name: "quickstart", network: .init(width: 96, depth: 4, heads: 4), patchSize: 8,
            globals: 48, locals: (4, 24), batch: 32, prototypes: 128),
    ]

    /// What the step is of.
    public var work: String {
        "2x\(globals)+\(locals.count)x\(locals.side) batch \(batch) out \(prototypes)"
    }

    /// A step on crops of noise, with a trainer that is made when it first runs.
    public func step() -> () -> Void {
        let crops = Lazy {
            MultiCropBatch(
                globals: (0..<2).map { noise([batch, 3, globals, globals], seed: 1 + $0) },
                locals: (0..<UInt64(locals.count)).map {
                    noise([batch, 3, locals.side, locals.side], seed: 3 + $0)
                })
        }
        let trainer = Lazy {
            DINOTrainer(
                DINOOptions(
                    network: network.sized(patchSize: patchSize, imageSize: 224),
                    head: .init(prototypes: prototypes)), batchSize: batch, stepsPerEpoch: 1000)
        }
        return {
            // Noise and the rates of a warm-up give no loss that is not finite.
            _ = try? trainer.value.step(crops.value)
        }
    }
}
