import Tensors
import ViT

extension TrainingConfiguration: Bounded {
    package enum Bounds {
        /// The largest steps that were published take some ten thousand pictures; the memory of a
        /// step's is checked as a whole.
        package static let batchSize = Bound("pictures of a batch", 1...1 << 16)
        package static let accumulation = Bound("batches of a step", 1...1 << 16)
    }

    /// What is wrong with the values, as a clause; nil where they make a training.
    public var fault: String? {
        let single = firstFault(
            options.fault, crops.fault,
            Bounds.batchSize.fault(batchSize), Bounds.accumulation.fault(accumulation))
        if let single { return single }
        let patch = options.network.patchSize
        let smallest =
            crops.localCount > 0 ? min(crops.globalSide, crops.localSide) : crops.globalSide
        return smallest >= patch
            ? nil : "a crop of \(smallest) pixels is smaller than a patch of \(patch)"
    }

    /// What is wrong with where features are to come from, as a clause; nil where nothing is.
    func fault(of source: FeatureSource?) -> String? {
        guard let distillation = options.distillation else {
            return source == nil ? nil : "features are given that nothing is to learn"
        }
        guard let source else {
            return distillation.teacher.isNetwork
                ? "it learns from a network; give it by --teacher-weights"
                : "it learns from features in files; give them by --teacher-features"
        }
        guard source.teacher == distillation.teacher, source.channels == distillation.channels
        else { return "it learns from other features than those that are given" }
        guard case .network(let network) = source else { return nil }
        let side = [crops.globalSide] + (crops.localCount > 0 ? [crops.localSide] : [])
        let patch = network.configuration.patchSize
        if let odd = side.first(where: { $0 % patch != 0 }) {
            return "crops of \(odd) pixels are not whole patches of \(patch), the teacher's"
        }
        let normalization = network.configuration.normalization
        return crops.mean == normalization.mean
            && crops.standardDeviation == normalization.standardDeviation
            ? nil : "the teacher takes pictures of another normalization"
    }

    /// The parameters of the network and of each of its heads, by what stands before their names.
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

    /// Bytes of the crops of a step.
    ///
    /// - Precondition: there is no fault and no shortage.
    var bytesPerStep: Int { picturesPerStep * crops.bytesPerPicture }

    /// The least number of bytes with which a step can be taken: the student with its gradient and the
    /// optimiser's averages, the teacher, the crops, the teacher's outputs and the targets that follow
    /// from them, and what is kept of the crops for gradients.
    ///
    /// - Precondition: there is no fault.
    package var leastMemory: Double {
        let copies = 3 + Double(options.optimizer.averages)
        let parameters = copies * Double(parameterCounts.reduce(0) { $0 + $1.count })
        var outputs =
            options.objectives.dino > 0
            ? 2 * 2 * Double(picturesPerStep) * Double(options.head.prototypes) : 0
        if let (rule, grid) = masking {
            // At the most.
            let share = rule.probability * rule.ratio.upperBound * Double(grid.count)
            outputs +=
                2 * 2 * Double(picturesPerStep) * share * Double(options.usedPatchHead.prototypes)
        }
        return Double(MemoryLayout<Float>.size) * (parameters + outputs)
            + Double(picturesPerStep) * Double(crops.bytesPerPicture) + leastActivations
    }

    /// What is kept of a step's crops: all of it where the options allow that, and never less than that
    /// of one crop.
    private var leastActivations: Double {
        func cost(_ side: Int) -> Double {
            let patches = side / options.network.patchSize
            return Double(options.recordingMemory(tokens: 1 + patches * patches))
        }
        let large = cost(crops.globalSide)
        let small = crops.localCount > 0 ? cost(crops.localSide) : 0
        let all = Double(picturesPerStep) * (2 * large + Double(crops.localCount) * small)
        return max(large, small, min(all, Double(options.activationMemory)))
    }

    /// Why this machine cannot take a step, as a clause; nil where it may.
    ///
    /// - Precondition: there is no fault.
    package func shortage(of memory: Int = MachineMemory.bytes) -> String? {
        guard leastMemory > Double(memory) else { return nil }
        func gigabytes(_ bytes: Double) -> String { "\((bytes / 1e8).rounded(.up) / 10) GB" }
        return "a step takes at least \(gigabytes(leastMemory)) of memory and this process can have"
            + " \(gigabytes(Double(memory))); choose a smaller network, --out-dim or --batch-size"
    }
}

extension TrainingRun {
    /// Up to all the steps that there can be.
    package static let checkpointIntervals = Bound("steps between checkpoints", 1...Int.max)
}
