import Platform
import Tensors
import ViT

// The forward and backward passes over the crops of a step.

/// The objectives of a step, with the teachers' outputs that they are based on.
struct StepPlan {
    /// The teacher's outputs for the large crops, view by view.
    struct Prototypes {
        /// The class tokens, `[views * pictures, width]`.
        var embeddings: Tensor?
        /// The head's output, `[views * pictures, prototypes]`.
        var output: Tensor?
        /// The target distributions, of the same shape.
        var targets: Tensor?
        /// The head's output for masked patches, `[masked, prototypes]`; nil if none are masked.
        var patchOutput: Tensor?
        /// The target distributions of masked patches, of the same shape.
        var patchTargets: Tensor?
    }

    var objectives: [any Objective] = []
    var prototypes = Prototypes()
    var standardizations: Standardizations?
}

/// The standardisation of a feature teacher's vectors.
struct Standardizations: Sendable {
    /// The number of initial steps over whose crops means and variances are accumulated; then they are fixed.
    static let steps = 100

    var patches: Standardization
    var classToken: Standardization
}

/// The student's losses and embeddings in a step.
struct StepOutcome {
    var loss = 0.0
    /// The loss of each objective, unweighted.
    var losses: [ObjectiveName: Double] = [:]
    /// The class tokens of the first large crops, `[pictures, width]`; empty if none were computed.
    var embeddings = Tensor(repeating: 0, shape: [0, 0])
}

extension DINOTrainer {
    /// The gradient of each parameter in the next step, before clipping. Nothing is changed.
    package func gradients(of batches: [MultiCropBatch]) -> Gradients {
        let crops = StepCrops(batches)
        var gradients = Gradients(of: student)
        _ = studentLosses(crops, plan(for: crops).objectives, accumulatingInto: &gradients)
        return gradients
    }

    /// Runs the teachers, and sets up the objectives with their outputs as targets.
    func plan(for crops: StepCrops) -> StepPlan {
        var plan = StepPlan()
        let weights = options.objectives
        let temperature = options.loss.studentTemperature
        if weights.usePrototypes {
            plan.prototypes = prototypes(of: crops)
            if let targets = plan.prototypes.targets {
                plan.objectives.append(
                    ClassObjective(
                        weight: weights.dino, temperature: temperature, targets: targets,
                        pictures: crops.pictures, globalViews: crops.globalViews,
                        views: crops.views, isJoint: options.head.hasBatchNorm))
            }
            if let targets = plan.prototypes.patchTargets {
                plan.objectives.append(
                    PatchObjective(
                        weight: weights.ibot, temperature: temperature, masks: crops.masks,
                        targets: targets))
            }
        }
        if weights.koLeo > 0, crops.pictures > 1 {
            plan.objectives.append(
                KoLeoObjective(weight: weights.koLeo, globalViews: crops.globalViews))
        }
        if let distillation = options.distillation {
            add(distillation, features(of: crops), to: &plan)
        }
        return plan
    }

    private func add(
        _ distillation: DistillationOptions, _ features: [TeacherFeatures], to plan: inout StepPlan
    ) {
        let standardizations = standardizations(of: features)
        plan.standardizations = standardizations
        if distillation.patchWeight > 0 {
            plan.objectives.append(
                PatchDistillation(
                    weight: distillation.patchWeight, taps: distillation.taps,
                    targets: features.map { standardizations.patches($0.patches) }))
        }
        if distillation.classWeight > 0 {
            plan.objectives.append(
                ClassDistillation(
                    weight: distillation.classWeight,
                    targets: features.map { standardizations.classToken($0.classToken) }))
        }
        let attention = features.compactMap(\.attention)
        if distillation.attentionWeight > 0, attention.count == features.count {
            plan.objectives.append(
                AttentionDistillation(weight: distillation.attentionWeight, targets: attention))
        }
    }

    /// The standardisation of a teacher's features, over the crops of the first steps up to this one.
    private func standardizations(of features: [TeacherFeatures]) -> Standardizations {
        if let standardizations, step >= Standardizations.steps { return standardizations }
        let own = Standardizations(
            patches: Standardization(of: features.map(\.patches)),
            classToken: Standardization(of: features.map(\.classToken)))
        guard let former = standardizations else { return own }
        return Standardizations(
            patches: former.patches.adding(own.patches, after: step),
            classToken: former.classToken.adding(own.classToken, after: step))
    }

    /// The teacher's outputs for the large crops, which it sees unmasked.
    private func prototypes(of crops: StepCrops) -> StepPlan.Prototypes {
        let groups = crops.groups(of: 0..<crops.globalViews, limit: options.activationMemory) {
            teacher.backbone.configuration.passingMemory(forImage: $0)
        }
        let masks = options.objectives.ibot > 0 ? crops.masks : StepMasks([])
        var embeddings: [Tensor] = []
        var patches: [Tensor] = []
        for pass in groups.flatMap(\.passes) {
            let taps = [FeatureTap.classToken] + (masks.count > 0 ? [.patchTokens] : [])
            let features = teacher.backbone.features(of: crops.images(of: pass), at: taps)
            embeddings.append(features[.classToken])
            guard masks.count > 0 else { continue }
            let rows = pass.enumerated().flatMap { index, place in
                masks.patches(of: place).map {
                    index * features.layout.count + features.layout.patches.lowerBound + $0
                }
            }
            if !rows.isEmpty { patches.append(features[.patchTokens].innerRows(rows)) }
        }
        let temperature = schedule.teacherTemperature[schedule.epoch(of: step)]
        var outputs = StepPlan.Prototypes(embeddings: .concatenated(embeddings))
        if options.objectives.dino > 0, let head = teacher.head {
            let output = head(.concatenated(embeddings))
            outputs.output = output
            outputs.targets = loss.targets(of: output, temperature: temperature)
        }
        if !patches.isEmpty, let head = teacher.patchHead ?? teacher.head {
            let output = head(.concatenated(patches))
            outputs.patchOutput = output
            outputs.patchTargets = patchLoss.targets(of: output, temperature: temperature)
        }
        return outputs
    }

    /// The feature teacher's vectors for the crops of each view.
    private func features(of crops: StepCrops) -> [TeacherFeatures] {
        guard let featureTeacher else {
            return (0..<crops.views).map { crops.features(ofView: $0) }
        }
        let patches = FeatureTap(layer: -1, facet: .normedToken)
        let attention = FeatureTap(layer: -1, facet: .classAttention)
        return (0..<crops.views).map { view in
            let grid = student.backbone.layout(ofImage: crops.shape(of: view)).grid
            let groups = crops.groups(of: view..<view + 1, limit: options.activationMemory) {
                featureTeacher.configuration.passingMemory(forImage: $0)
            }
            return TeacherFeatures(
                joining: groups.flatMap(\.passes).map { pass in
                    let features = featureTeacher.features(
                        of: crops.images(of: pass), at: [patches, attention], stride: nil)
                    return TeacherFeatures(
                        features, patches: patches, attention: attention, on: grid)
                })
        }
    }

    /// Computes the student's losses, and adds the gradients of its trainable parameters to `gradients`.
    func studentLosses(
        _ crops: StepCrops, _ objectives: [any Objective],
        accumulatingInto gradients: inout Gradients
    ) -> StepOutcome {
        let groups = crops.groups(of: 0..<crops.views, limit: options.activationMemory) {
            options.recordingMemory(tokens: student.backbone.layout(ofImage: $0).count)
        }
        var outcome = StepOutcome()
        var seen: [Tensor] = []
        let masks = options.objectives.ibot > 0 ? crops.masks : StepMasks([])
        let joint = groups.count > 1 ? objectives.filter(\.isJoint) : []
        let classGradient =
            joint.isEmpty ? nil : jointLosses(crops, groups, masks, joint, &outcome, &gradients)
        let single = objectives.filter { objective in !joint.contains { $0.name == objective.name }
        }
        if single.isEmpty && classGradient == nil { return outcome }
        for group in groups {
            let needsPass = group.places.contains { place in
                single.contains { $0.uses(view: place.view) } || classGradient?[place] != nil
            }
            guard needsPass else { continue }
            _ = valueWithGradient(
                at: student, addingTo: &gradients, tracking: isTrainable
            ) { student in
                let passes = passes(of: group, in: crops, masks, by: student.backbone, objectives)
                let tokens = Tensor.concatenated(passes.map(\.classTokens))
                seen += passes.filter { $0.places[0].view == 0 }.map { $0.classTokens.untracked }
                var terms = [Tensor]()
                if let classGradient {
                    terms.append(tokens.weightedSum(classGradient.rows(of: group.places)))
                }
                for objective in single {
                    let own =
                        [objective.term(ofClassTokens: tokens, group.places, by: student)]
                        + passes.map { objective.term(of: $0, by: student) }
                    for term in own.compactMap(\.self) {
                        terms.append(outcome.add(term, of: objective))
                    }
                }
                // A group whose crops have no masked patches may contribute no term.
                return terms.sum ?? tokens.weightedSum(Tensor(repeating: 0, shape: tokens.shape))
            }
        }
        outcome.embeddings = .concatenated(seen)
        return outcome
    }

    /// Handles the objectives that need all class tokens at once: a first pass over the groups computes only the
    /// class tokens, from which the losses and the tokens' gradients follow.
    ///
    /// - Returns: the gradient of the class tokens; nil if the network is frozen.
    private func jointLosses(
        _ crops: StepCrops, _ groups: [CropGroup], _ masks: StepMasks,
        _ objectives: [any Objective], _ outcome: inout StepOutcome, _ gradients: inout Gradients
    ) -> ClassTokenGradient? {
        let usedGroups = groups.compactMap { group in
            CropGroup(
                passes: group.passes.map { pass in
                    pass.filter { place in objectives.contains { $0.uses(view: place.view) } }
                }.filter { !$0.isEmpty })
        }
        let places = usedGroups.flatMap(\.places)
        let tokens = usedGroups.flatMap { group in
            passes(of: group, in: crops, masks, by: student.backbone, []).map(\.classTokens)
        }
        let joint = HeadWithInput(head: student.head, input: .concatenated(tokens))
        var jointGradients = Gradients(of: joint)
        let names = joint.parameters.map(\.name)
        func isTracked(_ name: String) -> Bool {
            name == HeadWithInput.inputName || isTrainable(name)
        }
        _ = valueWithGradient(
            at: joint, addingTo: &jointGradients, tracking: isTracked
        ) { joint in
            var student = student
            student.head = joint.head
            let terms = objectives.compactMap { objective in
                objective.term(ofClassTokens: joint.input, places, by: student).map {
                    outcome.add($0, of: objective)
                }
            }
            guard let loss = terms.sum else {
                fail("DINOTrainer: no objective uses class tokens")
            }
            return loss
        }
        for (position, (name, _)) in student.parameters.enumerated() {
            guard let index = names.firstIndex(of: name) else { continue }
            gradients.tensors[position] = jointGradients.tensors[index]
        }
        guard isTrainable("backbone.norm.weight"), let gradient = jointGradients.tensors.last ?? nil
        else { return nil }
        return ClassTokenGradient(places: places, values: gradient)
    }

    /// Whether a parameter of the student is trained in this step.
    private func isTrainable(_ name: String) -> Bool {
        isTrained(name) && frozenEpochs(name).map { schedule.epoch(of: step) >= $0 } ?? false
    }

    /// The number of initial epochs in which a parameter of the student is frozen; nil if it always is.
    func frozenEpochs(_ name: String) -> Int? {
        if name.hasPrefix("backbone.") { return options.frozenNetworkEpochs }
        let head: DINOHead.Options
        switch name {
        case _ where name.hasPrefix("head.last_layer."): head = options.head
        case _ where name.hasPrefix("patch_head.last_layer."): head = options.effectivePatchHead
        default: return 0
        }
        return head.learnsMagnitude || !name.hasSuffix("weight_g")
            ? options.frozenLastLayerEpochs : nil
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

extension StepOutcome {
    /// Records a term of an objective, and returns its weighted contribution to the loss.
    fileprivate mutating func add(_ term: Tensor, of objective: any Objective) -> Tensor {
        let value = Double(term.untracked[])
        losses[objective.name, default: 0] += value
        loss += objective.weight * value
        return objective.weight == 1 ? term : term.scaled(by: Float(objective.weight))
    }
}

extension VisionTransformer {
    /// The token layout for images `[batch, 3, height, width]`.
    fileprivate func layout(ofImage shape: Shape) -> TokenLayout {
        layout(height: shape[2], width: shape[3])
    }
}

extension VisionTransformer.Configuration {
    /// The approximate memory in bytes for one image in a pass that is not recorded.
    fileprivate func passingMemory(forImage shape: Shape) -> Int {
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
