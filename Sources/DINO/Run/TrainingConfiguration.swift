import Foundation
import ViT

/// All that a run of training follows from but its pictures and the weights that it starts from:
/// kept in its checkpoint, so that it can go on.
public struct TrainingConfiguration: Sendable, Codable, Hashable {
    public var options: DINOOptions
    public var crops: MultiCrop
    /// Pictures of a batch: `--batch_size_per_gpu`.
    public var batchSize = 64
    /// Batches of a step: as one of as many pictures, since the options' memory for activations bounds
    /// what goes through the network at a time, not the batch.
    public var accumulation = 1

    public init(options: DINOOptions, crops: MultiCrop = MultiCrop()) {
        self.options = options
        self.crops = crops
    }

    /// How patches are masked, where they are, and the grid of the large crops.
    var masking: (rule: PatchMasking, grid: PatchGrid)? {
        guard options.objectives.ibot > 0 else { return nil }
        let side = crops.globalSide / options.network.patchSize
        return (options.masking, PatchGrid(rows: side, columns: side))
    }

    /// Pictures of a step.
    public var picturesPerStep: Int { batchSize * accumulation }
}

extension TrainingConfiguration {
    /// A set of options that belong together. Docs/Training.md has the reasons.
    public enum Preset: String, Sendable, Codable, Hashable, CaseIterable {
        /// main_dino.py's defaults: ImageNet, many processors, days.
        case reference
        /// Some hundred to some ten thousand pictures, hours on a few cores.
        case small
        /// Some hundred to some thousand pictures, minutes on two cores.
        case quick
        /// As `small`, but for what `fit(toPictures:)` sets.
        case auto
        /// A small network that learns a teacher's features; hours on two cores.
        case distillation
    }

    public init(preset: Preset) {
        switch preset {
        case .reference:
            self.init(options: DINOOptions(network: .small()))
        case .small, .auto:
            self.init(
                options: DINOOptions(network: .tiny().sized(patchSize: 8, imageSize: 96)))
            (crops.globalSide, crops.localSide, crops.localCount) = (96, 48, 6)
            crops.blurRadius = 0.1...0.9
            options.head.prototypes = 4096
            options.teacherMomentum = 0.998
        case .quick:
            self.init(
                options: DINOOptions(
                    network: .init(width: 96, depth: 4, heads: 3)
                        .sized(patchSize: 8, imageSize: 48)))
            (crops.globalSide, crops.localSide, crops.localCount) = (48, 24, 4)
            crops.blurRadius = 0.1...0.4
            options.head.prototypes = 128
            options.head.hiddenWidth = 512
            options.learningRate = 0.006
            options.teacherMomentum = 0.99
            options.epochs = 10
            options.warmupEpochs = 1
            batchSize = 32
        case .distillation:
            self.init(
                options: DINOOptions(
                    network: .init(width: 192, depth: 8, heads: 3)
                        .sized(patchSize: 8, imageSize: 112)))
            // A teacher's features are of the picture as it is: crops are of about its size and change
            // little of its colours.
            (crops.globalSide, crops.localCount) = (112, 0)
            crops.globalScale = 0.15...0.5
            crops.jitter = .init()
            (crops.jitter.brightness, crops.jitter.contrast) = (0.2, 0.2)
            (crops.jitter.saturation, crops.jitter.hue) = (0.2, 0.05)
            crops.grayscale = 0.05
            (crops.firstGlobal, crops.secondGlobal) = (
                .init(blur: 0, solarization: 0), .init(blur: 0.1, solarization: 0)
            )
            crops.blurRadius = 0.1...1
            options.initialization = .mimetic
            options.optimizer = .muon
            options.learningRate = 0.19
            options.weightDecay = 0.05
            options.finalWeightDecay = 0.05
            options.stochasticDepth = 0
            options.teacherMomentum = 0.999
            options.warmupEpochs = 1
            batchSize = 8
        }
    }
}

extension TrainingConfiguration {
    /// What differs between two configurations and changes results, each as `name value, not other`;
    /// the memory for activations, which only orders sums, does not count.
    public func differences(from other: TrainingConfiguration) -> [String] {
        var (own, others) = (self, other)
        own.options.activationMemory = 0
        others.options.activationMemory = 0
        guard own != others else { return [] }
        let (values, expected) = (own.leaves, others.leaves)
        return Set(values.keys).union(expected.keys).sorted().compactMap { key in
            let (value, other) = (values[key] ?? "none", expected[key] ?? "none")
            return value == other ? nil : "\(key) \(value), not \(other)"
        }
    }

    /// The values of the JSON form by the names of their places, without those of the outermost.
    private var leaves: [String: String] {
        guard let data = try? JSONEncoder().encode(self),
            let object = try? JSONSerialization.jsonObject(with: data)
        else { return [:] }
        var leaves: [String: String] = [:]
        func visit(_ value: Any, _ path: [String]) {
            switch value {
            case let values as [String: Any]:
                for (key, value) in values { visit(value, path + [key]) }
            case let values as [Any]:
                for (index, value) in values.enumerated() { visit(value, path + ["\(index)"]) }
            default: leaves[path.drop { $0 == "options" }.joined(separator: ".")] = "\(value)"
            }
        }
        visit(object, [])
        return leaves
    }
}
