import Tensors
import ViT

// The teachers' part of a step: its outputs, and the objectives with them as targets.

/// The objectives of a step for a rank's shares.
struct StepPlan {
    /// What belongs to each share, in order.
    var shares: [Share]
    /// The objectives that need all class tokens at once, where they are in several groups or shares.
    var joint: [any JointObjective] = []
    /// The standardisation of distilled features.
    var standardizations: Standardizations?

    /// The objectives of a share, with the teachers' outputs that they are based on.
    struct Share {
        var objectives: [any Objective] = []
        var prototypes = Prototypes()
    }

    /// The teacher's outputs for the large crops of a share, view by view.
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
}

/// The standardisation of a feature teacher's vectors.
struct Standardizations: Sendable {
    /// The number of initial steps over whose crops means and variances are accumulated; then they are fixed.
    static let steps = 100

    var patches: Standardization
    var classToken: Standardization
}

extension DINOTrainer {
    /// Runs the teachers, and sets up the objectives with their outputs as targets.
    func plan(for shares: [StepCrops]) -> StepPlan {
        var plan = StepPlan(shares: shares.map { _ in StepPlan.Share() })
        let weights = options.objectives
        let temperature = options.loss.studentTemperature
        // One group of crops has all class tokens.
        let isJoint = options.shares > 1 || groups(of: shares[0]).count > 1
        if weights.usePrototypes {
            for (index, prototypes) in prototypes(of: shares).enumerated() {
                plan.shares[index].prototypes = prototypes
            }
        }
        if weights.dino > 0 {
            let objectives = zip(shares, plan.shares).compactMap { crops, share in
                share.prototypes.targets.map {
                    ClassObjective(
                        weight: weights.dino, temperature: temperature, targets: $0, crops: crops)
                }
            }
            if options.head.hasBatchNorm && isJoint {
                plan.joint.append(JointClassObjective(shares: objectives))
            } else {
                for (index, objective) in objectives.enumerated() {
                    plan.shares[index].objectives.append(objective)
                }
            }
        }
        for index in shares.indices {
            guard let targets = plan.shares[index].prototypes.patchTargets else { continue }
            plan.shares[index].objectives.append(
                PatchObjective(
                    weight: weights.ibot, temperature: temperature, masks: shares[index].masks,
                    targets: targets))
        }
        if weights.koLeo > 0, shares[0].stepPictures > 1 {
            let objective = KoLeoObjective(
                weight: weights.koLeo, globalViews: shares[0].globalViews)
            if isJoint {
                plan.joint.append(objective)
            } else {
                plan.shares[0].objectives.append(objective)
            }
        }
        if let distillation = options.distillation {
            add(distillation, shares, to: &plan)
        }
        return plan
    }

    private func add(
        _ distillation: DistillationOptions, _ shares: [StepCrops], to plan: inout StepPlan
    ) {
        let features = shares.map(features)
        let standardizations = standardizations(of: features)
        plan.standardizations = standardizations
        for (index, features) in features.enumerated() {
            func targets(_ views: [Tensor]) -> ViewTargets {
                ViewTargets(views: views, crops: shares[index])
            }
            if distillation.patchWeight > 0 {
                plan.shares[index].objectives.append(
                    PatchDistillation(
                        weight: distillation.patchWeight, taps: distillation.taps,
                        targets: targets(features.map { standardizations.patches($0.patches) })))
            }
            if distillation.classWeight > 0 {
                plan.shares[index].objectives.append(
                    ClassDistillation(
                        weight: distillation.classWeight,
                        targets: targets(
                            features.map { standardizations.classToken($0.classToken) })
                    ))
            }
            let attention = features.compactMap(\.attention)
            if distillation.attentionWeight > 0, attention.count == features.count {
                plan.shares[index].objectives.append(
                    AttentionDistillation(
                        weight: distillation.attentionWeight, targets: targets(attention)))
            }
        }
    }

    /// The standardisation of a teacher's features, over the crops of the first steps up to this one.
    private func standardizations(of shares: [[TeacherFeatures]]) -> Standardizations {
        if let standardizations, step >= Standardizations.steps { return standardizations }
        let own = Standardizations(
            patches: Standardization(
                of: shares.map { $0.map(\.patches) }, across: communicator),
            classToken: Standardization(
                of: shares.map { $0.map(\.classToken) }, across: communicator))
        guard let former = standardizations else { return own }
        return Standardizations(
            patches: former.patches.adding(own.patches, after: step),
            classToken: former.classToken.adding(own.classToken, after: step))
    }

    /// The teacher's outputs for the large crops of each share, which it sees unmasked.
    private func prototypes(of shares: [StepCrops]) -> [StepPlan.Prototypes] {
        var results: [StepPlan.Prototypes] = []
        for crops in shares {
            let (embeddings, patches) = teacherTokens(of: crops)
            var outputs = StepPlan.Prototypes(embeddings: embeddings)
            if let patches, let head = teacher.patchHead ?? teacher.head {
                outputs.patchOutput = head(patches)
            }
            results.append(outputs)
        }
        let temperature = schedule.teacherTemperature[schedule.epoch(of: step)]
        if options.objectives.dino > 0, let head = teacher.head {
            let outputs = DINOHead.outputs(
                of: results.map { _ in head }, results.compactMap(\.embeddings),
                across: communicator)
            let targets = loss.targets(
                of: outputs, temperature: temperature, across: communicator)
            for index in results.indices {
                (results[index].output, results[index].targets) = (outputs[index], targets[index])
            }
        }
        if options.objectives.ibot > 0 {
            let targets = patchLoss.targets(
                of: results.map(\.patchOutput), temperature: temperature, across: communicator)
            for index in results.indices { results[index].patchTargets = targets[index] }
        }
        return results
    }

    /// The teacher's class tokens for a share's large crops, and its tokens of the masked patches, if there are any.
    private func teacherTokens(of crops: StepCrops) -> (embeddings: Tensor, patches: Tensor?) {
        let groups = crops.groups(of: 0..<crops.globalViews, limit: options.activationMemory) {
            teacher.backbone.configuration.passingMemory(forImage: $0)
        }
        let masks = masks(of: crops)
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
        return (.concatenated(embeddings), patches.isEmpty ? nil : .concatenated(patches))
    }

    /// The feature teacher's vectors for the crops of each view.
    private func features(of crops: StepCrops) -> [TeacherFeatures] {
        guard let featureTeacher else {
            return (0..<crops.views).map { crops.features(ofView: $0) }
        }
        return (0..<crops.views).map { view in
            let grid = student.backbone.layout(ofImage: crops.shape(of: view)).grid
            let groups = crops.groups(of: view..<view + 1, limit: options.activationMemory) {
                featureTeacher.configuration.passingMemory(forImage: $0)
            }
            return TeacherFeatures(
                joining: groups.flatMap(\.passes).map { pass in
                    let features = featureTeacher.features(
                        of: crops.images(of: pass), at: TeacherFeatures.taps, stride: nil)
                    return TeacherFeatures(features, on: grid)
                })
        }
    }
}
