import Foundation
import Tensors
import ViT

extension TrainingConfiguration: Bounded {
    /// The ranges of valid values.
    package enum Bounds {
        /// The largest published steps use about ten thousand pictures; the memory of a step is checked separately.
        package static let batchSize = Bound("pictures per batch", 1...1 << 16)
        package static let accumulation = Bound("batches per step", 1...1 << 16)
    }

    /// A message about the first invalid option or combination of options; nil if training can start.
    public var fault: String? {
        let single = firstFault(
            options.fault, crops.fault,
            Bounds.batchSize.fault(batchSize), Bounds.accumulation.fault(accumulation))
        if let single { return single }
        if picturesPerStep % options.shares != 0 {
            let largest = picturesPerStep & -picturesPerStep
            return "the \(picturesPerStep) pictures of a step do not divide into"
                + " \(options.shares) shares; at most \(largest) are possible"
        }
        let normalization = options.network.normalization
        guard crops.mean == normalization.mean,
            crops.standardDeviation == normalization.standardDeviation
        else { return "the crops' colour normalisation differs from the network's" }
        let patch = options.network.patchSize
        let smallest =
            crops.localCount > 0 ? min(crops.globalSide, crops.localSide) : crops.globalSide
        return smallest >= patch
            ? nil : "a crop of \(smallest) pixels is smaller than a patch of \(patch)"
    }

    /// A message about why a number of processes cannot train with these options; nil if they can.
    func fault(ofProcesses count: Int) -> String? {
        let shares = options.shares
        guard count > 1, shares % count != 0 else { return nil }
        var most = 1
        while most * 2 <= min(count, shares) { most *= 2 }
        return "\(count) processes do not divide the \(shares) shares of a step; use \(most)"
    }

    /// A message about why the source of features does not fit the options; nil if it does.
    func fault(of source: FeatureSource?) -> String? {
        guard let distillation = options.distillation else {
            return source == nil ? nil : "features are given, but distillation is not enabled"
        }
        guard let source else {
            return distillation.teacher.isNetwork
                ? "it distils a network's features; give the network"
                : "it distils features from files; give their folder"
        }
        guard source.teacher == distillation.teacher, source.channels == distillation.channels
        else { return "it distils other features than those given" }
        guard case .network(let network) = source else { return nil }
        let side = [crops.globalSide] + (crops.localCount > 0 ? [crops.localSide] : [])
        let patch = network.configuration.patchSize
        if let odd = side.first(where: { $0 % patch != 0 }) {
            return "crops of \(odd) pixels are not divisible into the teacher's patches of \(patch)"
        }
        return network.configuration.normalization == options.network.normalization
            ? nil : "the teacher's colour normalisation differs from the network's"
    }

    /// The number of parameters of the network and of each of its heads, with the prefix of their names.
    ///
    /// - Precondition: there is no fault.
    var parameterCounts: [(prefix: String, count: Int)] {
        let width = options.network.width
        let head = options.needsHead ? options.head.parameterCount(inputWidth: width) : 0
        let patchHead = options.separatePatchHead?.parameterCount(inputWidth: width)
        let maps = options.distillation.map { distillation in
            parameterShapes { DistillationHeads(distillation, inputWidth: width, from: $0) }
                .reduce(0) { $0 + $1.shape.count }
        }
        return [
            ("backbone.", options.network.parameterCount), ("head.", head),
            ("patch_head.", patchHead ?? 0),
            ("distillation.", maps ?? 0),
        ]
    }

    /// The size of a step's crops in bytes.
    ///
    /// - Precondition: there is no fault and no shortage.
    var bytesPerStep: Int { picturesPerStep * crops.bytesPerPicture }

    /// The minimum memory of a step in bytes: the student with its gradient and the optimiser's averages, the
    /// teacher, the crops, the teacher's outputs with the targets derived from them, and the activations kept for
    /// gradients.
    ///
    /// - Precondition: there is no fault.
    package var leastMemory: Double { leastMemory(processes: 1) }

    /// As `leastMemory`, for each of several processes.
    private func leastMemory(processes: Int) -> Double {
        let pictures = Double(picturesPerStep) / Double(processes)
        // With several shares, the sums of complete subtrees are kept.
        let gradients = 1 + log2(Double(options.shares / processes)).rounded(.up)
        let copies = 2 + gradients + Double(options.optimizer.averages)
        let parameters = copies * Double(parameterCounts.reduce(0) { $0 + $1.count })
        var outputs =
            options.objectives.dino > 0
            ? 2 * 2 * pictures * Double(options.head.prototypes) : 0
        if let (rule, grid) = masking {
            // An upper bound.
            let share = rule.probability * rule.ratio.upperBound * Double(grid.count)
            outputs +=
                2 * 2 * pictures * share
                * Double(options.effectivePatchHead.prototypes)
        }
        return Double(MemoryLayout<Float>.size) * (parameters + outputs)
            + pictures * Double(crops.bytesPerPicture) + leastActivations
    }

    /// The activations of a step: all of them if the options' limit allows it, and at least those of one crop.
    private var leastActivations: Double {
        func cost(_ side: Int) -> Double {
            let patches = side / options.network.patchSize
            return Double(options.recordingMemory(tokens: 1 + patches * patches))
        }
        let large = cost(crops.globalSide)
        let small = crops.localCount > 0 ? cost(crops.localSide) : 0
        let all =
            Double(picturesPerStep / options.shares)
            * (2 * large + Double(crops.localCount) * small)
        return max(large, small, min(all, Double(options.activationMemory)))
    }

    /// A message about why this machine has too little memory for a step; nil if it has enough.
    ///
    /// - Parameters:
    ///   - memory: the memory available to the process in bytes.
    ///   - processes: the processes that train together, which divide the shares.
    /// - Precondition: there is no fault.
    package func shortage(
        of memory: Int = MachineMemory.bytes, processes: Int = 1
    ) -> String? {
        let leastMemory = leastMemory(processes: processes)
        guard leastMemory > Double(memory) else { return nil }
        func gigabytes(_ bytes: Double) -> String { "\((bytes / 1e8).rounded(.up) / 10) GB" }
        return "a step needs at least \(gigabytes(leastMemory)) of memory, but this process can"
            + " have only \(gigabytes(Double(memory))); choose a smaller network,"
            + " fewer outputs or smaller batches"
    }
}

extension TrainingRun {
    /// Unlimited: an interval beyond the last step means only the final checkpoint.
    package static let checkpointIntervals = Bound("steps between checkpoints", 1...Int.max)
}
