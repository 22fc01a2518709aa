import Tensors
import ViT

/// DINO's objective: for each crop, the student predicts the teacher's output for the picture's other large crops
/// (see ``DINOLoss``).
struct ClassObjective: Objective {
    let name = ObjectiveName.dino
    let weight: Double
    let temperature: Double
    /// The teacher's distributions for the large crops, view by view: `[globalViews * pictures, prototypes]`.
    let targets: Tensor
    let pictures: Int
    let globalViews: Int
    let views: Int
    /// Whether the head has batch normalisation, whose statistics need all crops at once.
    let isJoint: Bool

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        guard let head = student.head else { return nil }
        let count = targets.shape[1]
        let terms = globalViews * views - globalViews
        // Target of each crop: the sum of the teacher's distributions for the picture's other large crops.
        let targetSums = Tensor(uninitialized: [places.count, count])
        withExtendedLifetime((targets, targetSums)) {
            Parallelism.perform(count: places.count) { row in
                let target = targetSums.mutableBase + row * count
                target.update(repeating: 0, count: count)
                for view in 0..<globalViews where view != places[row].view {
                    let source = targets.base + (view * pictures + places[row].picture) * count
                    for i in 0..<count { target[i] += source[i] }
                }
            }
        }
        return head(tokens).crossEntropy(softTargets: targetSums, temperature: Float(temperature))
            .scaled(by: 1 / Float(terms * pictures))
    }
}
