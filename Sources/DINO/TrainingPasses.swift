import Platform
import Tensors
import ViT

// The student's forward and backward passes over the crops of a rank's shares.

/// The student's losses and embeddings in a share.
struct ShareOutcome {
    var loss = 0.0
    /// The loss of each objective, unweighted.
    var losses: [ObjectiveName: Double] = [:]
    /// The class tokens of the first large crops, `[pictures, width]`; empty if none were computed.
    var embeddings = Tensor(repeating: 0, shape: [0, 0])
}

extension DINOTrainer {
    /// The gradient of each parameter in the next step, before clipping. Nothing is changed.
    package func gradients(of batches: [MultiCropBatch]) -> Gradients {
        let shares = shares(of: batches)
        return studentLosses(shares, plan(for: shares)).gradients
    }

    /// This rank's shares of a step.
    func shares(of batches: [MultiCropBatch]) -> [StepCrops] {
        StepCrops(batches, across: communicator).shares(options.shares / communicator.count)
    }

    /// Divides a share's crops into groups for the student.
    func groups(of crops: StepCrops) -> [CropGroup] {
        crops.groups(of: 0..<crops.views, limit: options.activationMemory) {
            options.recordingMemory(tokens: student.backbone.layout(ofImage: $0).count)
        }
    }

    /// The masks of a share's large crops; none without iBOT's objective.
    func masks(of crops: StepCrops) -> StepMasks {
        options.objectives.ibot > 0 ? crops.masks : StepMasks([], of: crops)
    }

    /// Computes the student's losses in each share, and the gradients of its trainable parameters over all shares of all
    /// ranks.
    func studentLosses(
        _ shares: [StepCrops], _ plan: StepPlan
    ) -> (outcomes: [ShareOutcome], gradients: Gradients) {
        var outcomes = [ShareOutcome](repeating: ShareOutcome(), count: shares.count)
        var classGradients: [ClassTokenGradient?] = shares.map { _ in nil }
        var own = shares.map { _ in Gradients(of: student) }
        if !plan.joint.isEmpty { jointLosses(shares, plan, &outcomes, &classGradients, &own) }
        var sum = GradientSum(across: communicator)
        func addShare(_ index: Int, _ whenComplete: ((_ index: Int, Tensor?) -> Void)?) -> Gradients
        {
            var gradients = own[index]
            own[index].removeAll()
            addLosses(
                of: shares[index], plan.shares[index].objectives, classGradients[index],
                to: &outcomes[index], &gradients, whenComplete: whenComplete)
            return gradients
        }
        for index in shares.indices.dropLast() { sum.add(addShare(index, nil)) }
        // The ranks exchange the gradients of their last shares while others are computed.
        let total = sum.completing(student.parameters.map(\.tensor.shape))
        _ = addShare(shares.count - 1) { total.add($1, at: $0) }
        return (outcomes, total.total())
    }

    /// Computes the losses of the objectives that take crops group by group, and injects the class tokens' gradient with
    /// respect to the others.
    ///
    /// - Parameter whenComplete: takes each parameter's gradient as soon as it is complete, instead of `gradients`.
    private func addLosses(
        of crops: StepCrops, _ objectives: [any Objective], _ classGradient: ClassTokenGradient?,
        to outcome: inout ShareOutcome, _ gradients: inout Gradients,
        whenComplete: ((_ index: Int, Tensor?) -> Void)?
    ) {
        var seen: [Tensor] = []
        let masks = masks(of: crops)
        let used = groups(of: crops).filter { group in
            group.places.contains { place in
                objectives.contains { $0.uses(view: place.view) } || classGradient?[place] != nil
            }
        }
        if used.isEmpty, let whenComplete {
            for index in gradients.tensors.indices {
                whenComplete(index, gradients.tensors[index].take())
            }
        }
        for (number, group) in used.enumerated() {
            _ = valueWithGradient(
                at: student, addingTo: &gradients, tracking: isTrainable,
                whenComplete: number == used.count - 1 ? whenComplete : nil
            ) { student in
                let passes = passes(of: group, in: crops, masks, by: student.backbone, objectives)
                let tokens = Tensor.concatenated(passes.map(\.classTokens))
                seen += passes.filter { $0.places[0].view == 0 }.map { $0.classTokens.untracked }
                var terms = [Tensor]()
                if let classGradient {
                    terms.append(tokens.weightedSum(classGradient.rows(of: group.places)))
                }
                for objective in objectives {
                    let own =
                        [objective.term(ofClassTokens: tokens, group.places, by: student)]
                        + passes.map { objective.term(of: $0, by: student) }
                    for term in own.compactMap(\.self) {
                        outcome.add(term, objective.name, objective.weight)
                        terms.append(term.weighted(by: objective.weight))
                    }
                }
                // A group whose crops have no masked patches may contribute no term.
                return terms.sum ?? tokens.weightedSum(Tensor(repeating: 0, shape: tokens.shape))
            }
        }
        if !seen.isEmpty { outcome.embeddings = .concatenated(seen) }
    }

    /// Handles the objectives that need all class tokens at once: a first pass over the groups of all shares computes
    /// only the class tokens, from which the losses and the tokens' gradients follow.
    ///
    /// - Parameters:
    ///   - classGradients: receives each share's gradient of the class tokens, unless the network is frozen.
    ///   - gradients: receives each share's gradient of the head.
    private func jointLosses(
        _ shares: [StepCrops], _ plan: StepPlan, _ outcomes: inout [ShareOutcome],
        _ classGradients: inout [ClassTokenGradient?], _ gradients: inout [Gradients]
    ) {
        var places: [[CropIndex]] = []
        var inputs: [Tensor] = []
        for crops in shares {
            let masks = masks(of: crops)
            let usedGroups = groups(of: crops).compactMap { group in
                CropGroup(
                    passes: group.passes.map { pass in
                        pass.filter { place in plan.joint.contains { $0.uses(view: place.view) } }
                    }.filter { !$0.isEmpty })
            }
            places.append(usedGroups.flatMap(\.places))
            inputs.append(
                .concatenated(
                    usedGroups.flatMap { group in
                        passes(of: group, in: crops, masks, by: student.backbone, [])
                            .map(\.classTokens)
                    }))
        }
        let joint = HeadsWithInputs(
            shares: inputs.map { .init(head: student.head, input: $0) })
        var jointGradients = Gradients(of: joint)
        let names = joint.parameters.map(\.name)
        func isTracked(_ name: String) -> Bool {
            HeadsWithInputs.nameInNetwork(name).map(isTrainable) ?? true
        }
        _ = valueWithGradient(
            at: joint, addingTo: &jointGradients, tracking: isTracked
        ) { joint in
            let students = joint.shares.map { share in
                var student = student
                student.head = share.head
                return student
            }
            var terms: [Tensor] = []
            for objective in plan.joint {
                let own = objective.terms(
                    ofClassTokens: joint.shares.map(\.input), places, by: students,
                    across: communicator)
                for (index, term) in own.enumerated() {
                    if !objective.countsOnce || communicator.rank == 0 {
                        outcomes[index].add(term, objective.name, objective.weight)
                    }
                    terms.append(term.weighted(by: objective.weight))
                }
            }
            guard let loss = terms.sum else {
                fail("DINOTrainer: no objective uses class tokens")
            }
            return loss
        }
        let count = joint.parametersPerShare
        let isBackboneTrainable = student.parameters.contains {
            $0.name.hasPrefix("backbone.") && isTrainable($0.name)
        }
        for share in shares.indices {
            let own = share * count..<(share + 1) * count
            for (position, (name, _)) in student.parameters.enumerated() {
                guard
                    let index = own.first(where: {
                        HeadsWithInputs.nameInNetwork(names[$0]) == name
                    })
                else { continue }
                gradients[share].tensors[position] = jointGradients.tensors[index].take()
            }
            guard isBackboneTrainable,
                let gradient = jointGradients.tensors[own.upperBound - 1]
            else { continue }
            classGradients[share] = ClassTokenGradient(places: places[share], values: gradient)
        }
    }

    /// Whether a parameter of the student is trained in this step.
    private func isTrainable(_ name: String) -> Bool {
        isTrained(name) && frozenSteps(name).map { step >= $0 } ?? false
    }

    /// The number of initial steps in which a parameter of the student is frozen; nil if it always is.
    func frozenSteps(_ name: String) -> Int? {
        if name.hasPrefix("backbone.") { return schedule.frozenNetworkSteps }
        let head: DINOHead.Options
        switch name {
        case _ where name.hasPrefix("head.last_layer."): head = options.head
        case _ where name.hasPrefix("patch_head.last_layer."): head = options.effectivePatchHead
        default: return 0
        }
        return head.learnsMagnitude || !name.hasSuffix("weight_g")
            ? options.frozenLastLayerEpochs * schedule.stepsPerEpoch : nil
    }

    /// The student's passes over the crops of a group, with the features that the objectives use.
    private func passes(
        of group: CropGroup, in crops: StepCrops, _ masks: StepMasks,
        by backbone: VisionTransformer, _ objectives: [any Objective]
    ) -> [StudentPass] {
        group.passes.map { pass in
            // Seeded per crop: independent of groups and micro-batches.
            let dropping =
                options.stochasticDepth > 0
                ? StochasticDepth(
                    rate: options.stochasticDepth, depth: backbone.blocks.count,
                    generators: pass.lazy.map {
                        Xoshiro256(seed: options.seed, stream: step, $0.view, $0.picture)
                    }) : nil
            let taps = objectives.reduce(into: [FeatureTap.classToken] as Set) { taps, objective in
                for view in Set(pass.map(\.view)) { taps.formUnion(objective.taps(ofView: view)) }
            }
            return StudentPass(
                places: pass,
                features: backbone.features(
                    of: crops.images(of: pass), at: taps, mask: masks.mask(of: pass),
                    stochasticDepth: dropping))
        }
    }
}

extension ShareOutcome {
    /// Records a term of an objective.
    fileprivate mutating func add(_ term: Tensor, _ name: ObjectiveName, _ weight: Double) {
        let value = Double(term.untracked[])
        losses[name, default: 0] += value
        loss += weight * value
    }
}

extension Tensor {
    /// A term's contribution to the loss.
    fileprivate func weighted(by weight: Double) -> Tensor {
        weight == 1 ? self : scaled(by: Float(weight))
    }
}

extension VisionTransformer {
    /// The token layout for images `[batch, 3, height, width]`.
    func layout(ofImage shape: Shape) -> TokenLayout {
        layout(height: shape[2], width: shape[3])
    }
}

extension VisionTransformer.Configuration {
    /// The approximate memory in bytes for one image in a pass that is not recorded.
    func passingMemory(forImage shape: Shape) -> Int {
        let patches = (shape[2] / patchSize) * (shape[3] / patchSize)
        return 4 * (1 + registers + patches) * (6 * width + channelsOfHiddenLayer)
    }
}

extension DINOOptions {
    /// The approximate memory in bytes for one crop's activations until its gradients are computed: in each block
    /// six tensors of the tokens' size (queries, keys and values, the attention output, both sums) and the hidden
    /// layer before its GELU; then the heads'.
    func recordingMemory(tokens: Int) -> Int {
        var prototypes = needsHead ? 4 * head.hiddenWidth + 3 * head.prototypes : 0
        if objectives.ibot > 0 {
            // For the maximum number of masked patches.
            let rows = Int(masking.ratio.upperBound * Double(tokens)) + 1
            prototypes +=
                rows * (4 * effectivePatchHead.hiddenWidth + 3 * effectivePatchHead.prototypes)
        }
        let features = distillation.map { 2 * $0.taps.count * tokens * $0.channels } ?? 0
        return 4
            * (tokens * network.depth * (6 * network.width + network.channelsOfHiddenLayer)
                + prototypes + features)
    }
}
