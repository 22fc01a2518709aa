import Tensors
import ViT

// The objectives of feature distillation. All are means over the crops of the step.

/// Each patch's vectors predict the teacher's vector at its place: the mean squared error over cells and channels,
/// and over the taps.
struct PatchDistillation: Objective {
    let name = ObjectiveName.patches
    let weight: Double
    let taps: [FeatureTap]
    let targets: ViewTargets

    func taps(ofView view: Int) -> Set<FeatureTap> { Set(taps) }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? {
        guard let heads = student.distillation else { return nil }
        let target = targets.rows(of: pass.places)
        let elements = Float(targets.stepCrops * taps.count * target.shape[1] * target.shape[2])
        return zip(taps, heads.patches).map { tap, head in
            head(pass.features[tap].slices(in: pass.features.layout.patches))
                .squaredError(to: target)
        }.sum?.scaled(by: 1 / elements)
    }
}

/// The class token predicts the teacher's vector for the crop: the mean squared error over channels.
struct ClassDistillation: Objective {
    let name = ObjectiveName.classToken
    let weight: Double
    let targets: ViewTargets

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        guard let heads = student.distillation else { return nil }
        let target = targets.rows(of: places)
        return heads.classToken(tokens).squaredError(to: target)
            .scaled(by: 1 / Float(targets.stepCrops * target.shape[1]))
    }
}

/// The class token attends to the same places as the teacher's: the cross-entropy of its attention in the last
/// layer, averaged over heads, with the teacher's.
struct AttentionDistillation: Objective {
    let name = ObjectiveName.attention
    let weight: Double
    let targets: ViewTargets

    func taps(ofView view: Int) -> Set<FeatureTap> { [.classAttention] }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? {
        pass.features[.classAttention].attentionCrossEntropy(
            targets: targets.rows(of: pass.places), on: pass.features.layout.patches
        ).scaled(by: 1 / Float(targets.stepCrops))
    }
}

extension FeatureTap {
    /// The class token's attention in the last layer.
    static let classAttention = FeatureTap(layer: -1, facet: .classAttention)
}

/// The targets of a share's crops.
struct ViewTargets {
    /// For each view a tensor, `[pictures, …]`.
    let views: [Tensor]
    /// The share's crops.
    let crops: StepCrops

    /// The number of crops in the whole step.
    var stepCrops: Int { views.count * crops.stepPictures }

    /// The targets of some crops, which all have the same number of cells: for each crop a slice of its view's
    /// tensor.
    func rows(of places: [CropIndex]) -> Tensor {
        Tensor.concatenated(
            places.map {
                let row = $0.picture - crops.pictures.lowerBound
                return views[$0.view].rows(row..<row + 1)
            })
    }
}

extension [Tensor] {
    /// The sum of all tensors; nil if there are none.
    var sum: Tensor? {
        dropFirst().reduce(first) { sum, next in sum.map { $0 + next } }
    }
}
