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
            options.fault, crops.fault, fixedTeacher?.network.fault, fixedTeacher?.head.fault,
            Bounds.batchSize.fault(batchSize), Bounds.accumulation.fault(accumulation))
        if let single { return single }
        if let teacher = fixedTeacher, teacher.head.prototypes != options.head.prototypes {
            return "the head has \(options.head.prototypes) outputs, and the teacher's"
                + " \(teacher.head.prototypes)"
        }
        let patch = max(options.network.patchSize, fixedTeacher?.network.patchSize ?? 1)
        let smallest =
            crops.localCount > 0 ? min(crops.globalSide, crops.localSide) : crops.globalSide
        return smallest >= patch
            ? nil : "a crop of \(smallest) pixels is smaller than a patch of \(patch)"
    }

    /// The parameters of the student with its head.
    ///
    /// - Precondition: there is no fault.
    var studentParameterCount: (backbone: Int, head: Int) {
        Self.parameterCount(options.network, options.head)
    }

    /// The parameters of the teacher with its head.
    var teacherParameterCount: (backbone: Int, head: Int) {
        fixedTeacher.map { Self.parameterCount($0.network, $0.head) } ?? studentParameterCount
    }

    private static func parameterCount(
        _ network: VisionTransformer.Configuration, _ head: DINOHead.Options
    ) -> (backbone: Int, head: Int) {
        (network.parameterCount, head.parameterCount(inputWidth: network.width))
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
        let student = studentParameterCount
        let teacher = teacherParameterCount
        let copies = 2 + Double(options.optimizer.averages)
        let parameters =
            copies * Double(student.backbone + student.head)
            + Double(teacher.backbone + teacher.head)
        let outputs = 2 * 2 * Double(picturesPerStep) * Double(options.head.prototypes)
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
