import DINO
import Foundation
import Tensors
import ViT

/// The training runs of `Fixtures/make_objectives.py`, which cover every objective.
enum ObjectivesFixture {
    enum Case: String, CaseIterable {
        /// DINO, iBOT and KoLeo with one head for both and centred teacher outputs.
        case shared
        /// The same with a head each and Sinkhorn-Knopp.
        case separate
        /// DINO alone, unmasked.
        case dino
        /// Distillation from maps, at two layers.
        case distillation
    }

    static let channels = 5

    static func file() throws -> TensorFile {
        try TensorFile(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "Fixtures/objectives.safetensors").path)
    }

    static func options(_ test: Case) -> DINOOptions {
        var options = TrainingFixture.options(TrainingFixture.cases[0])
        options.learningRate = 0.5
        options.frozenLastLayerEpochs = 0
        if test == .distillation {
            options.objectives.dino = 0
            var distillation = DistillationOptions(
                teacher: .maps(hasSaliency: true), channels: channels)
            distillation.taps.append(FeatureTap(layer: 0, facet: .normedToken))
            distillation.classWeight = 0.5
            options.distillation = distillation
            return options
        }
        options.network.hasLayerScale = true
        options.network.hasMaskToken = true
        options.objectives =
            test == .dino
            ? ObjectiveWeights(dino: 1, ibot: 0, koLeo: 0)
            : ObjectiveWeights(dino: 1, ibot: 1, koLeo: 0.1)
        options.head.learnsMagnitude = true
        options.parameterRules = .dinov2
        options.loss.teacherTemperature = LinearWarmup(from: 0.07, to: 0.07, warmupEpochs: 0)
        if test == .separate {
            options.patchHead = options.head
            options.patchHead?.prototypes = 10
            options.loss.targets = .sinkhornKnopp
        }
        return options
    }

    static func batch(_ test: Case, step: Int) -> MultiCropBatch {
        var batch = TrainingFixture.batch(step: step)
        if test == .distillation {
            batch.features = (0..<4).map { features(step: step, view: $0) }
        } else {
            batch.masks = (0..<2).map { view in
                PatchMask(patches: (0..<3).map { mask(step: step, image: 3 * view + $0) })
            }
        }
        return batch
    }

    private static func mask(step: Int, image: Int) -> [Int] {
        guard image % 3 != 2 else { return [] }
        let values = TrainingFixture.uniform(
            [16], seed: UInt64(2_000_000 + 100 * step + image)
        ).elements
        return values.indices.filter { values[$0] < -0.2 }
    }

    private static func features(step: Int, view: Int) -> TeacherFeatures {
        let cells = view < 2 ? 16 : 4
        var maps = TrainingFixture.uniform(
            [3, cells, channels], seed: UInt64(3_000_000 + 100 * step + view))
        maps.withUnsafeMutableElements { elements in
            for i in elements.indices {
                let channel = Float(i % channels)
                elements[i] = (2 * elements[i] + channel) * (channel + 1)
            }
        }
        let saliency = TrainingFixture.uniform(
            [3, cells], seed: UInt64(4_000_000 + 100 * step + view))
        return TeacherFeatures(
            maps: maps, saliency: Tensor(saliency.elements.map(abs), shape: [3, cells]))
    }

    /// A batch with maps and masks, for `fullOptions`.
    static func fullBatch(step: Int) -> MultiCropBatch {
        var batch = batch(.shared, step: step)
        batch.features = self.batch(.distillation, step: step).features
        return batch
    }

    /// Options with every objective at once and with stochastic depth.
    static func fullOptions() -> DINOOptions {
        var options = options(.separate)
        options.distillation = self.options(.distillation).distillation
        options.distillation?.taps.append(FeatureTap(layer: 1, facet: .key))
        options.stochasticDepth = 0.4
        return options
    }
}
