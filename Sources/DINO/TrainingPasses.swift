import Tensors
import ViT

// The two networks' passes over the crops of a step.

extension DINOTrainer {
    /// The gradient of each parameter that the next step would start from. Nothing is changed.
    package func gradients(of batches: [MultiCropBatch]) -> Gradients {
        let crops = StepCrops(batches)
        let targets = loss.targets(
            of: teach(crops).output,
            temperature: schedule.teacherTemperature[schedule.epoch(of: step)])
        var gradients = Gradients(of: student)
        _ = learn(crops, from: targets, gradients: &gradients)
        return gradients
    }

    /// What the teacher gives for the large crops, view by view: its embeddings `[views * pictures,
    /// width]` and its head's output `[views * pictures, prototypes]`.
    func teach(_ crops: StepCrops) -> (embeddings: Tensor, output: Tensor) {
        let groups = crops.groups(of: 0..<crops.globalViews, limit: options.activationMemory) {
            teacher.backbone.passingMemory(forImage: $0)
        }
        let embeddings = Tensor.concatenated(
            groups.flatMap(\.passes).map { teacher.backbone.embeddings(of: crops.images(of: $0)) })
        return (embeddings, teacher.head(embeddings))
    }

    /// The student's loss and the gradient of each of its parameters that is not frozen.
    ///
    /// - Parameter targets: what the teacher says of the large crops, view by view.
    func learn(
        _ crops: StepCrops, from targets: Tensor, gradients: inout Gradients
    ) -> Double {
        let groups = crops.groups(of: 0..<crops.views, limit: options.activationMemory) {
            options.recordingMemory(tokens: student.backbone.layout(ofImage: $0).count)
        }
        if options.head.hasBatchNorm && groups.count > 1 {
            return learnWithSharedStatistics(crops, groups, from: targets, gradients: &gradients)
        }
        return groups.reduce(0) { sum, group in
            let value = valueWithGradient(
                at: student, addingTo: &gradients, tracking: isLearning
            ) { student in
                let embeddings = embeddings(of: group, in: crops, by: student.backbone)
                return self.loss(of: student.head(embeddings), group.places, crops, targets)
            }
            return sum + Double(value.elements[0])
        }
    }

    /// The same for a head with batch normalisation, which must see all crops at once: a first pass
    /// over the groups gives the embeddings alone, the head turns them into the loss and their
    /// gradient, and a second pass hands that on.
    private func learnWithSharedStatistics(
        _ crops: StepCrops, _ groups: [CropGroup], from targets: Tensor,
        gradients: inout Gradients
    ) -> Double {
        let places = groups.flatMap(\.places)
        let joint = HeadWithInput(
            head: student.head,
            input: .concatenated(
                groups.map { embeddings(of: $0, in: crops, by: student.backbone) }))
        var jointGradients = Gradients(of: joint)
        let isTracked = { name in
            name == HeadWithInput.inputName || isLearning("head." + name)
        }
        let value = valueWithGradient(
            at: joint, addingTo: &jointGradients, tracking: isTracked
        ) { joint in
            self.loss(of: joint.head(joint.input), places, crops, targets)
        }
        let headCount = jointGradients.tensors.count - 1
        let backboneCount = gradients.tensors.count - headCount
        for index in 0..<headCount {
            gradients.tensors[backboneCount + index] = jointGradients.tensors[index]
        }

        guard let inputGradient = jointGradients.tensors[headCount],
            isLearning("backbone.norm.weight")
        else { return Double(value.elements[0]) }
        var backboneGradients = Gradients(count: backboneCount)
        var row = 0
        for group in groups {
            let count = group.places.count
            _ = valueWithGradient(at: student.backbone, addingTo: &backboneGradients) { backbone in
                embeddings(of: group, in: crops, by: backbone)
                    .weightedSum(inputGradient.rows(row..<row + count))
            }
            row += count
        }
        for index in 0..<backboneCount {
            gradients.tensors[index] = backboneGradients.tensors[index]
        }
        return Double(value.elements[0])
    }

    /// Whether a parameter of the student is learnt at this step.
    private func isLearning(_ name: String) -> Bool {
        frozenEpochs(name).map { schedule.epoch(of: step) >= $0 } ?? false
    }

    /// For how many epochs from the start a parameter of the student stays as it is; nil for ever.
    func frozenEpochs(_ name: String) -> Int? {
        if name.hasPrefix("backbone.") { return options.frozenNetworkEpochs }
        guard name.hasPrefix("head.last_layer.") else { return 0 }
        return options.head.learnsMagnitude || !name.hasSuffix("weight_g")
            ? options.frozenLastLayerEpochs : nil
    }

    private func embeddings(
        of group: CropGroup, in crops: StepCrops, by backbone: VisionTransformer
    ) -> Tensor {
        let depth = backbone.blocks.count
        return .concatenated(
            group.passes.map { pass in
                // Drawn for each crop apart: neither groups nor micro-batches change it.
                let dropping =
                    options.stochasticDepth > 0
                    ? StochasticDepth(
                        rate: options.stochasticDepth, depth: depth,
                        generators: pass.lazy.map {
                            Xoshiro256(seed: options.seed, stream: step, $0.view, $0.picture)
                        }) : nil
                return backbone.embeddings(of: crops.images(of: pass), stochasticDepth: dropping)
            })
    }

    /// The part of the loss that some crops have.
    ///
    /// - Parameter output: of the student's head for these crops, `[places, prototypes]`.
    private func loss(
        of output: Tensor, _ places: [CropPlace], _ crops: StepCrops, _ targets: Tensor
    ) -> Tensor {
        let count = options.head.prototypes
        let pairs = crops.globalViews * crops.views
        let terms = teacherRule == .fixed ? pairs : pairs - crops.globalViews
        // What is asked of each crop: the sum of what the teacher says of the picture's other large
        // crops.
        let asked = Tensor(uninitialized: [places.count, count])
        withExtendedLifetime((targets, asked)) {
            Parallelism.perform(count: places.count) { row in
                let target = asked.mutableBase + row * count
                target.update(repeating: 0, count: count)
                for view in 0..<crops.globalViews
                where teacherRule == .fixed || view != places[row].view {
                    let source =
                        targets.base + (view * crops.pictures + places[row].picture) * count
                    for i in 0..<count { target[i] += source[i] }
                }
            }
        }
        return output.crossEntropy(
            softTargets: asked, temperature: Float(options.loss.studentTemperature)
        ).scaled(by: 1 / Float(terms * crops.pictures))
    }
}

/// A head with the embeddings that it takes, so that these have a gradient too.
private struct HeadWithInput: Module {
    static let inputName = "input"

    var head: DINOHead
    var input: Tensor

    mutating func forEachParameter(_ body: (String, inout Tensor) throws -> Void) rethrows {
        try head.forEachParameter(body)
        try body(Self.inputName, &input)
    }
}

extension VisionTransformer {
    /// The tokens of an image `[batch, 3, height, width]`.
    fileprivate func layout(ofImage shape: Shape) -> TokenLayout {
        layout(height: shape[2], width: shape[3])
    }

    /// About the bytes that one image's values need in a pass that is not recorded.
    ///
    /// - Parameter shape: `[batch, 3, height, width]`.
    fileprivate func passingMemory(forImage shape: Shape) -> Int {
        4 * layout(ofImage: shape).count
            * (6 * configuration.width + configuration.channelsOfHiddenLayer)
    }
}

extension DINOOptions {
    /// About the bytes that one crop's values need until their gradients are known: in each block six
    /// tokens' widths (queries, keys and values, what was attended to, both sums) and the hidden layer
    /// before its GELU; then the head's.
    func recordingMemory(tokens: Int) -> Int {
        4 * tokens * network.depth * (6 * network.width + network.channelsOfHiddenLayer)
            + 4 * (4 * head.hiddenWidth + 3 * head.prototypes)
    }
}
