import Tensors
import ViT

/// A term of the loss of a step: what the student is asked for, with the targets of the step's crops.
///
/// Crops go through the network in groups, one after the other. The terms of all groups add up to that of
/// the step: each divides by what there is in the whole step, never by what there is in a group.
protocol Objective: Sendable {
    var name: ObjectiveName { get }
    /// By how much it counts in the loss.
    var weight: Double { get }

    /// Whether a term needs the class tokens of all crops together.
    var isJoint: Bool { get }

    /// Whether crops of a view are asked for anything.
    func asks(view: Int) -> Bool

    /// What it reads of the student's pass over crops of a view, beside the class tokens of the last layer.
    func taps(ofView view: Int) -> Set<FeatureTap>

    /// Its term for the class tokens of crops, `[crops, width]`; nil where there is none.
    func term(
        ofClassTokens tokens: Tensor, _ places: [CropPlace], by student: DINONetwork
    ) -> Tensor?

    /// Its term for what a pass gave at the taps; nil where there is none.
    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor?
}

extension Objective {
    var isJoint: Bool { false }

    func asks(view: Int) -> Bool { true }

    func taps(ofView view: Int) -> Set<FeatureTap> { [] }

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropPlace], by student: DINONetwork
    ) -> Tensor? { nil }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? { nil }
}

/// What a part of the loss is called in the log.
public enum ObjectiveName: String, Sendable, Codable, Hashable, CaseIterable, CodingKeyRepresentable
{
    /// The class token's prototypes (Caron et al. 2021).
    case dino
    /// Those of masked patches (Zhou et al. 2022).
    case ibot
    /// How close the class tokens of different pictures lie (Sablayrolles et al. 2019).
    case koLeo = "koleo"
    /// The tokens of a teacher's patches.
    case patches
    /// A teacher's class token.
    case classToken
    /// Where a teacher looks.
    case attention

    /// As plots call it.
    var title: String {
        switch self {
        case .dino: "DINO: class tokens' prototypes"
        case .ibot: "iBOT: masked patches' prototypes"
        case .koLeo: "KoLeo: closeness of class tokens"
        case .patches: "features of patches"
        case .classToken: "features of class tokens"
        case .attention: "attention of class tokens"
        }
    }
}

/// What the student gave for crops of one size.
struct StudentPass {
    let places: [CropPlace]
    let features: Features

    /// The network's output for each crop, `[crops, width]`.
    var classTokens: Tensor { features[.classToken] }
}

extension FeatureTap {
    /// The network's output.
    static let classToken = FeatureTap(layer: -1, facet: .embedding)
}
