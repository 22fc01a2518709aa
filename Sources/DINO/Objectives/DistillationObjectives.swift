import Tensors
import ViT

// The objectives of feature distillation. All are means over the crops of the step.

/// Each patch's vectors predict the teacher's vector at its place: the mean squared error over cells and channels,
/// and over the taps.
struct PatchDistillation: Objective {
    let name = ObjectiveName.patches
    let weight: Double
    let taps: [FeatureTap]
    /// Standardised, per view: `[pictures, cells, channels]`.
    let targets: [Tensor]

    func taps(ofView view: Int) -> Set<FeatureTap> { Set(taps) }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? {
        guard let heads = student.distillation else { return nil }
        let target = targets.rows(of: pass.places)
        let crops = targets.reduce(0) { $0 + $1.shape[0] }
        let elements = Float(crops * taps.count * target.shape[1] * target.shape[2])
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
    /// Standardised, per view: `[pictures, channels]`.
    let targets: [Tensor]

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        guard let heads = student.distillation else { return nil }
        let elements = targets.reduce(0) { $0 + $1.count }
        return heads.classToken(tokens).squaredError(to: targets.rows(of: places))
            .scaled(by: 1 / Float(elements))
    }
}

/// The class token attends to the same places as the teacher's: the cross-entropy of its attention in the last
/// layer, averaged over heads, with the teacher's.
struct AttentionDistillation: Objective {
    let name = ObjectiveName.attention
    let weight: Double
    /// The teacher's attention as shares of each crop, per view: `[pictures, cells]`.
    let targets: [Tensor]

    func taps(ofView view: Int) -> Set<FeatureTap> { [.classAttention] }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? {
        let crops = targets.reduce(0) { $0 + $1.shape[0] }
        return pass.features[.classAttention].attentionCrossEntropy(
            targets: targets.rows(of: pass.places), on: pass.features.layout.patches
        ).scaled(by: 1 / Float(crops))
    }
}

extension FeatureTap {
    fileprivate static let classAttention = FeatureTap(layer: -1, facet: .classAttention)
}

extension [Tensor] {
    /// The targets of some crops, which all have the same number of cells: for each crop a slice of its view's
    /// tensor.
    fileprivate func rows(of places: [CropIndex]) -> Tensor {
        Tensor.concatenated(
            places.map { self[$0.view].rows($0.picture..<$0.picture + 1) })
    }

    /// The sum of all tensors; nil if there are none.
    var sum: Tensor? {
        dropFirst().reduce(first) { sum, next in sum.map { $0 + next } }
    }
}
