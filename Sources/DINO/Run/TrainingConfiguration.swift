import Foundation
import ViT

/// Everything that determines a training run, except its pictures and initial weights. It is stored in the
/// checkpoint, so that the run can be resumed.
public struct TrainingConfiguration: Sendable, Codable, Hashable {
    /// How the network is trained.
    public var options: DINOOptions
    /// How crops are made.
    public var crops: MultiCrop
    /// Pictures per batch: `--batch_size_per_gpu`.
    public var batchSize = 64
    /// Batches accumulated into one step. The result is that of a single batch of all their pictures: memory for
    /// activations is bounded by the options, not by the batch size.
    public var accumulation = 1

    /// Creates a configuration with batches of 64.
    public init(options: DINOOptions, crops: MultiCrop = MultiCrop()) {
        self.options = options
        self.crops = crops
    }

    /// How patches of large crops are masked, and the crops' grid; nil if they are not.
    var masking: (rule: PatchMasking, grid: PatchGrid)? {
        guard options.objectives.ibot > 0 else { return nil }
        let side = crops.globalSide / options.network.patchSize
        return (options.masking, PatchGrid(rows: side, columns: side))
    }

    /// Pictures per step.
    public var picturesPerStep: Int { batchSize * accumulation }
}

extension TrainingConfiguration {
    /// Sets of options for different sizes of training. Docs/TrainingRuns.md gives the reasons.
    public enum Preset: String, Sendable, Codable, Hashable, CaseIterable {
        /// main_dino.py's defaults: for ImageNet, with many processors, in days.
        case reference
        /// For hundreds to tens of thousands of pictures, in hours on a few cores.
        case small
        /// For hundreds to thousands of pictures, in minutes on two cores.
        case quick
        /// As `small`; `fit(toPictures:)` adapts it to the number of pictures.
        case auto
        /// A small network that distils a teacher's features, in hours on two cores.
        case distillation
    }

    /// Creates the configuration of a preset.
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
            // A teacher's features describe the picture as it is: crops have about its size, and their colours
            // change little.
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
            options.learningRate = OptimizerKind.muon.usualLearningRate
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
    /// The differences between two configurations that affect results, each as `name value, not other`. The memory
    /// for activations, which affects only the order of summation, is ignored.
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

    /// The values of the JSON form by their key paths, without the outermost key `options`.
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
