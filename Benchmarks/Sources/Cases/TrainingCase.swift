import DINO
import Tensors
import ViT

/// One training step: the networks, the gradient, clipping, AdamW and the teacher's average.
public struct TrainingCase: Sendable {
    /// The objectives.
    public enum Objective: String, Sendable, CaseIterable {
        case dino
        /// Those of DINO, iBOT and KoLeo together, with one head.
        case ibot
        /// The features of another network, of 384 channels, and where it looks.
        case distillation
    }

    /// The size of a step's work.
    struct Size: Sendable {
        let name: String
        let network: VisionTransformer.Configuration
        let patchSize: Int
        let globals: Int
        let locals: (count: Int, side: Int)
        let batch: Int
        let prototypes: Int
    }

    let size: Size
    let objective: Objective

    public static let all = [
        Size(
            name: "vit-s16", network: .small(), patchSize: 16, globals: 224, locals: (8, 96),
            batch: 8, prototypes: 65536),
        Size(
            name: "vit-ti16", network: .tiny(), patchSize: 16, globals: 224, locals: (8, 96),
            batch: 8, prototypes: 4096),
        Size(
            name: "vit-ti8", network: .tiny(), patchSize: 8, globals: 64, locals: (6, 32),
            batch: 32, prototypes: 1024),
        Size(
            name: "quickstart", network: .init(width: 96, depth: 4, heads: 4), patchSize: 8,
            globals: 48, locals: (4, 24), batch: 32, prototypes: 128),
    ].flatMap { size in Objective.allCases.map { TrainingCase(size: size, objective: $0) } }

    public var name: String {
        objective == .dino ? size.name : "\(size.name)-\(objective.rawValue)"
    }

    /// The step's shape, as text.
    public var work: String {
        "2x\(size.globals)+\(size.locals.count)x\(size.locals.side) batch \(size.batch) out"
            + " \(size.prototypes)"
    }

    /// A step on crops of noise, with a trainer that is created at the first run.
    public func step() -> () -> Void {
        let crops = Lazy { batch }
        let trainer = Lazy {
            DINOTrainer(options, batchSize: size.batch, stepsPerEpoch: 1000)
        }
        return {
            // On noise, with the rates of a warm-up, the loss is always finite.
            _ = try? trainer.value.step(crops.value)
        }
    }

    private static let channels = 384

    private var options: DINOOptions {
        var options = DINOOptions(
            network: size.network.sized(patchSize: size.patchSize, imageSize: 224),
            head: .init(prototypes: size.prototypes))
        switch objective {
        case .dino: break
        case .ibot:
            options.network.hasMaskToken = true
            options.objectives = ObjectiveWeights(dino: 1, ibot: 1, koLeo: 0.1)
            // KoLeo needs all class tokens, so PyTorch, too, keeps all activations.
            options.activationMemory = 1 << 33
        case .distillation:
            options.objectives.dino = 0
            options.distillation = DistillationOptions(
                teacher: .maps(hasSaliency: true), channels: Self.channels)
        }
        return options
    }

    private var batch: MultiCropBatch {
        let (count, globals, locals) = (size.batch, size.globals, size.locals)
        let sides = [globals, globals] + Array(repeating: locals.side, count: locals.count)
        let views = sides.enumerated().map { index, side in
            noise([count, 3, side, side], seed: UInt64(1 + index))
        }
        var batch = MultiCropBatch(globals: Array(views[..<2]), locals: Array(views[2...]))
        switch objective {
        case .dino: break
        case .ibot:
            let patches = (globals / size.patchSize) * (globals / size.patchSize)
            // Every second crop, three patches of ten.
            batch.masks = (0..<2).map { _ in
                PatchMask(
                    patches: (0..<count).map { $0 % 2 == 0 ? Array(0..<patches * 3 / 10) : [] })
            }
        case .distillation:
            batch.features = sides.enumerated().map { index, side in
                let cells = (side / size.patchSize) * (side / size.patchSize)
                let saliency = noise([count, cells], seed: UInt64(200 + index))
                return TeacherFeatures(
                    maps: noise([count, cells, Self.channels], seed: UInt64(100 + index)),
                    saliency: Tensor(saliency.elements.map { 1 + $0 }, shape: saliency.shape))
            }
        }
        return batch
    }
}
