import Tensors
import ViT

// What is asked of a student that learns from a teacher's features. All are means over the crops of the step.

/// Each patch's vectors are to give the teacher's of its place: the mean squared error over cells and channels,
/// and over the taps.
struct PatchDistillation: Objective {
    let name = ObjectiveName.patches
    let weight: Double
    let taps: [FeatureTap]
    /// Standardised, of each view: `[pictures, cells, channels]`.
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

/// The class token is to give the teacher's vector of the crop: the mean squared error over channels.
struct ClassDistillation: Objective {
    let name = ObjectiveName.classToken
    let weight: Double
    /// Standardised, of each view: `[pictures, channels]`.
    let targets: [Tensor]

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropPlace], by student: DINONetwork
    ) -> Tensor? {
        guard let heads = student.distillation else { return nil }
        let elements = targets.reduce(0) { $0 + $1.count }
        return heads.classToken(tokens).squaredError(to: targets.rows(of: places))
            .scaled(by: 1 / Float(elements))
    }
}

/// The class token is to look where the teacher does: the cross-entropy of its attention in the last layer,
/// the mean over heads, with the teacher's.
struct AttentionDistillation: Objective {
    let name = ObjectiveName.attention
    let weight: Double
    /// Shares of each view's crops: `[pictures, cells]`.
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
    /// The targets of some crops of views with as many cells: a slice of each view's tensor for each.
    fileprivate func rows(of places: [CropPlace]) -> Tensor {
        Tensor.concatenated(
            places.map { self[$0.view].rows($0.picture..<$0.picture + 1) })
    }

    /// nil where there are none.
    var sum: Tensor? {
        dropFirst().reduce(first) { sum, next in sum.map { $0 + next } }
    }
}
