import Tensors
import ViT

/// Spreads the class tokens of different pictures: penalises the closeness of nearest neighbours among the
/// normalised class tokens of each large view (KoLeo; `KoLeoLoss` of dinov2, which uses the student's output before
/// the head).
struct KoLeoObjective: Objective {
    let name = ObjectiveName.koLeo
    let weight: Double
    let globalViews: Int
    let isJoint = true

    func uses(view: Int) -> Bool { view < globalViews }

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        (0..<globalViews).compactMap { view in
            let rows = places.indices.filter { places[$0].view == view }
            guard rows.count > 1 else { return nil }
            return tokens.samples(rows).normalizedRows(epsilon: 1e-8).nearestNeighbourCloseness()
        }.sum
    }
}
