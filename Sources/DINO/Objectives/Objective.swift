import Tensors
import ViT

/// A term of a step's loss, with the targets of the crops of a share.
///
/// Crops go through the network in groups, one after the other. The terms of all groups, and of all shares of the step,
/// add up to that of the step: each is divided by counts over the whole step, never over a group or a share.
protocol Objective: Sendable {
    var name: ObjectiveName { get }
    /// Its weight in the loss.
    var weight: Double { get }

    /// Whether the objective uses the crops of a view.
    func uses(view: Int) -> Bool

    /// The features that it uses from the student's pass over crops of a view, besides the class tokens of the last
    /// layer.
    func taps(ofView view: Int) -> Set<FeatureTap>

    /// Its term for the class tokens of some crops, `[crops, width]`; nil if there is none.
    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor?

    /// Its term for the features of a pass; nil if there is none.
    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor?
}

extension Objective {
    func uses(view: Int) -> Bool { true }

    func taps(ofView view: Int) -> Set<FeatureTap> { [] }

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? { nil }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? { nil }
}

/// A term of a step's loss that needs the class tokens of all crops at once, in all groups and all shares.
protocol JointObjective: Sendable {
    var name: ObjectiveName { get }
    /// Its weight in the loss.
    var weight: Double { get }

    /// Whether each rank has the term of the whole step, instead of those of its own shares.
    var countsOnce: Bool { get }

    /// Whether the objective uses the crops of a view.
    func uses(view: Int) -> Bool

    /// Its terms, called on all ranks.
    ///
    /// - Parameters:
    ///   - tokens: for each of this rank's shares the class tokens of its crops, `[crops, width]`.
    ///   - places: those crops.
    ///   - students: the student for each share.
    ///   - communicator: the ranks that hold the shares.
    /// - Returns: a term for each share, or one for the whole step; none if there is none.
    func terms(
        ofClassTokens tokens: [Tensor], _ places: [[CropIndex]], by students: [DINONetwork],
        across communicator: any Communicator
    ) -> [Tensor]
}

extension JointObjective {
    var countsOnce: Bool { false }

    func uses(view: Int) -> Bool { true }
}

/// The names of the objectives in the log.
public enum ObjectiveName: String, Sendable, Codable, Hashable, CaseIterable, CodingKeyRepresentable
{
    /// DINO's objective, on class tokens' prototypes (Caron et al. 2021).
    case dino
    /// iBOT's objective, on masked patches' prototypes (Zhou et al. 2022).
    case ibot
    /// The KoLeo regulariser, the closeness of different pictures' class tokens (Sablayrolles et al. 2019).
    case koLeo = "koleo"
    /// Distillation of a teacher's patch tokens.
    case patches
    /// Distillation of a teacher's class token.
    case classToken
    /// Distillation of a teacher's attention.
    case attention

    /// The label in plots.
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

/// The student's features for crops of one size.
struct StudentPass {
    let places: [CropIndex]
    let features: Features

    /// The network's output for each crop, `[crops, width]`.
    var classTokens: Tensor { features[.classToken] }
}

extension FeatureTap {
    /// The network's output.
    static let classToken = FeatureTap(layer: -1, facet: .embedding)
}
