import Tensors

/// DINO's objective: for each crop, the student predicts the teacher's output for the picture's other large crops
/// (see ``DINOLoss``).
struct ClassObjective: Objective {
    let name = ObjectiveName.dino
    let weight: Double
    let temperature: Double
    /// The teacher's distributions for the share's large crops, view by view: `[globalViews * pictures, prototypes]`.
    let targets: Tensor
    /// The share's crops.
    let crops: StepCrops

    func term(
        ofClassTokens tokens: Tensor, _ places: [CropIndex], by student: DINONetwork
    ) -> Tensor? {
        student.head.map { term(ofOutput: $0(tokens), places) }
    }

    /// The term for the head's output, `[places, prototypes]`.
    fileprivate func term(ofOutput output: Tensor, _ places: [CropIndex]) -> Tensor {
        let count = targets.shape[1]
        let terms = crops.globalViews * crops.views - crops.globalViews
        // Target of each crop: the sum of the teacher's distributions for the picture's other large crops.
        var targetSums = Tensor(uninitialized: [places.count, count])
        withUnsafePointers(writing: &targetSums, reading: targets) { target, targets in
            Parallelism.perform(count: places.count) { row in
                let target = target + row * count
                target.update(repeating: 0, count: count)
                for view in 0..<crops.globalViews where view != places[row].view {
                    let place = CropIndex(view: view, picture: places[row].picture)
                    let source = targets + crops.row(of: place) * count
                    for i in 0..<count { target[i] += source[i] }
                }
            }
        }
        return output.crossEntropy(softTargets: targetSums, temperature: Float(temperature))
            .scaled(by: 1 / Float(terms * crops.stepPictures))
    }
}

/// DINO's objective with a head that has batch normalisation, whose statistics need all crops at once.
struct JointClassObjective: JointObjective {
    /// That of each of this rank's shares.
    let shares: [ClassObjective]

    var name: ObjectiveName { shares[0].name }
    var weight: Double { shares[0].weight }

    func terms(
        ofClassTokens tokens: [Tensor], _ places: [[CropIndex]], by students: [DINONetwork],
        across communicator: any Communicator
    ) -> [Tensor] {
        let outputs = DINOHead.outputs(
            of: students.compactMap(\.head), tokens, across: communicator)
        return shares.indices.map { shares[$0].term(ofOutput: outputs[$0], places[$0]) }
    }
}
