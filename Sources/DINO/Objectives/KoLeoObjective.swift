import Tensors

/// Spreads the class tokens of different pictures: penalises the closeness of nearest neighbours among the
/// normalised class tokens of each large view (KoLeo; `KoLeoLoss` of dinov2, which uses the student's output before
/// the head).
struct KoLeoObjective: Objective, JointObjective {
    let name = ObjectiveName.koLeo
    let weight: Double
    let globalViews: Int
    let countsOnce = true

    func uses(view: Int) -> Bool { view < globalViews }

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        terms(ofClassTokens: [tokens], [places], by: [student], across: Alone()).first
    }

    /// The term of the whole step. Every rank gathers the class tokens, which are few numbers, and computes it, so that
    /// each has the gradient of its own tokens whatever pictures they are nearest to.
    func terms(
        ofClassTokens tokens: [Tensor], _ places: [[CropIndex]], by students: [DINONetwork],
        across communicator: any Communicator
    ) -> [Tensor] {
        let views = (0..<globalViews).compactMap { view -> Tensor? in
            let own = Tensor.concatenated(
                zip(tokens, places).map { tokens, places in
                    tokens.samples(places.indices.filter { places[$0].view == view })
                })
            let all = own.gathered(across: communicator)
            guard all.shape[0] > 1 else { return nil }
            return all.normalizedRows(epsilon: 1e-8).nearestNeighbourCloseness()
        }
        return views.sum.map { [$0] } ?? []
    }
}

extension Tensor {
    /// The rows of all ranks, by rank; those of the others are constants.
    fileprivate func gathered(across communicator: any Communicator) -> Tensor {
        guard communicator.count > 1 else { return self }
        let parts = communicator.gather(untracked.elements).enumerated().map { rank, elements in
            rank == communicator.rank
                ? self : Tensor(elements, shape: [elements.count / shape[1], shape[1]])
        }
        return .concatenated(parts)
    }
}
