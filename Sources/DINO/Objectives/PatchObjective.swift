import Tensors
import ViT

/// iBOT's objective (Zhou et al. 2022, as in dinov2's `iBOTPatchLoss`): for each masked patch, the student predicts
/// the output of the teacher, which sees the whole crop.
///
///     loss = -1 / crops Σ_crops 1 / masked Σ_masked Σ_k q_k log softmax(student / temperature)_k
///
/// Crops without a mask contribute 0 to the sum, but are included in the number of crops.
struct PatchObjective: Objective {
    let name = ObjectiveName.ibot
    let weight: Double
    let temperature: Double
    let masks: StepMasks
    /// The teacher's distributions for the masked patches, crop by crop: `[masked, prototypes]`.
    let targets: Tensor

    func uses(view: Int) -> Bool { view < masks.views }

    func taps(ofView view: Int) -> Set<FeatureTap> { uses(view: view) ? [.patchTokens] : [] }

    func term(of pass: StudentPass, by student: DINONetwork) -> Tensor? {
        guard let head = student.patchHead ?? student.head else { return nil }
        var rows: [Int] = []
        var weights: [(row: Int, weight: Float)] = []
        for (index, place) in pass.places.enumerated() where place.view < masks.views {
            let patches = masks.patches(of: place)
            let first = masks.firstRow(of: place)
            rows += patches.map {
                index * pass.features.layout.count + pass.features.layout.patches.lowerBound + $0
            }
            let weight = 1 / Float(patches.count * masks.stepCrops)
            weights += patches.indices.map { (first + $0, weight) }
        }
        guard !rows.isEmpty else { return nil }
        let count = targets.shape[1]
        var weightedTargets = Tensor(uninitialized: [rows.count, count])
        withUnsafePointers(writing: &weightedTargets, reading: targets) { target, source in
            Parallelism.perform(count: rows.count) { index in
                let (source, target) = (source + weights[index].row * count, target + index * count)
                for i in 0..<count { target[i] = weights[index].weight * source[i] }
            }
        }
        return head(pass.features[.patchTokens].innerRows(rows))
            .crossEntropy(softTargets: weightedTargets, temperature: Float(temperature))
    }
}

/// The masks of a share's large crops, view by view.
struct StepMasks: Sendable {
    private let masks: [[Int]]
    private let firstRows: [Int]
    private let crops: StepCrops
    /// The number of large crops of the whole step, with and without a mask.
    let stepCrops: Int
    /// The number of views.
    let views: Int

    /// - Parameters:
    ///   - masks: one per view, with an entry per picture of the share.
    ///   - crops: the share's crops.
    init(_ masks: [PatchMask], of crops: StepCrops) {
        self.crops = crops
        views = masks.count
        stepCrops = masks.count * crops.stepPictures
        self.masks = masks.flatMap(\.patches)
        var count = 0
        firstRows = self.masks.map { mask in
            defer { count += mask.count }
            return count
        }
    }

    /// The number of masked patches in all crops of the share.
    var count: Int { masks.reduce(0) { $0 + $1.count } }

    func patches(of place: CropIndex) -> [Int] { masks[crops.row(of: place)] }

    /// The number of masked patches in all crops of the share before this one.
    func firstRow(of place: CropIndex) -> Int { firstRows[crops.row(of: place)] }

    /// The masks of a pass's crops; nil if none has a masked patch.
    func mask(of places: [CropIndex]) -> PatchMask? {
        let mask = PatchMask(
            patches: places.map { $0.view < views ? patches(of: $0) : [] })
        return mask.count > 0 ? mask : nil
    }
}

extension FeatureTap {
    /// The last layer's tokens after the norm.
    static let patchTokens = FeatureTap(layer: -1, facet: .normedToken)
}

extension Tensor {
    /// Some rows of the tensor, viewed as a matrix with its innermost dimension as columns:
    /// `[indices.count, width]`.
    func innerRows(_ indices: [Int]) -> Tensor {
        reshaped(to: [count / shape[-1], shape[-1]]).samples(indices)
    }
}
