import Foundation
import Tensors

/// The loss of DINO (Caron et al. 2021, equations 2 to 4; `DINOLoss` of main_dino.py): the student is
/// to say of each crop what the teacher says of the picture's other large crops.
///
///     q = softmax((teacher - centre) / teacherTemperature)
///     loss = mean of -sum_k q_k log softmax(student / studentTemperature)_k
///
/// over the pictures and over the pairs of a large crop (teacher) and another crop (student). Taking
/// off the centre, a running mean of what the teacher gave, keeps one prototype from taking all;
/// the low temperature keeps the teacher from calling all equally likely.
public struct DINOLoss: Sendable {
    public struct Options: Sendable, Codable, Hashable {
        /// `student_temp`.
        public var studentTemperature = 0.1
        /// What the centre keeps of itself at a step; 1 for no centring: `center_momentum`.
        public var centreMomentum = 0.9
        /// How the teacher's outputs become what it says: `centering` of dinov2.
        public var targets = TargetRule.centring
        /// By epoch: `--warmup_teacher_temp`, `--teacher_temp`, `--warmup_teacher_temp_epochs`.
        public var teacherTemperature = LinearWarmup(from: 0.04, to: 0.04, warmupEpochs: 0)

        public init() {}

        /// How prototypes are kept from winning all or sharing all alike.
        public enum TargetRule: String, Sendable, Codable, Hashable, CaseIterable {
            /// A running mean of the outputs is taken off (Caron et al. 2021).
            case centring = "centering"
            /// The outputs of a step are balanced (Caron et al. 2020).
            case sinkhornKnopp = "sinkhorn-knopp"
        }
    }

    public let options: Options
    /// `[prototypes]`.
    public var centre: Tensor

    public init(prototypes: Int, options: Options = Options()) {
        self.options = options
        centre = Tensor(repeating: 0, shape: [prototypes])
    }

    /// What the teacher says: `softmax((output - centre) / temperature)` for each row, or the outputs of all
    /// rows balanced.
    ///
    /// - Parameter output: of the teacher's head, `[rows, prototypes]`, of the whole step.
    /// - Complexity: O(elements).
    func targets(of output: Tensor, temperature: Double) -> Tensor {
        guard options.targets == .centring else {
            return output.sinkhornKnopp(temperature: temperature)
        }
        return output.softmax(centre: centre, temperature: Float(temperature))
    }

    /// Moves the centre towards the mean of what the teacher gave in a step.
    ///
    /// - Parameter output: of the teacher's head, `[rows, prototypes]`.
    mutating func moveCentre(by output: Tensor) {
        let count = centre.count
        let rows = output.count / count
        let kept = Float(options.centreMomentum)
        let share = Float(1 - options.centreMomentum) / Float(rows)
        let moved = Tensor(uninitialized: centre.shape)
        withExtendedLifetime((output, centre, moved)) {
            inChunks(of: count) { chunk in
                let target = moved.mutableBase
                for k in chunk { target[k] = 0 }
                for row in 0..<rows {
                    let line = output.base + row * count
                    for k in chunk { target[k] += line[k] }
                }
                for k in chunk { target[k] = centre.base[k] * kept + target[k] * share }
            }
        }
        centre = moved
    }

    /// The mean entropy of rows that are distributions, in nats: 0 where each is sure of one
    /// prototype, log(prototypes) where all are equally likely.
    static func entropy(of targets: Tensor) -> Double {
        let count = targets.shape[-1]
        let rows = targets.count / count
        let sums = Tensor(uninitialized: [rows])
        withExtendedLifetime((targets, sums)) {
            Parallelism.perform(count: rows) { row in
                let line = targets.base + row * count
                var sum = 0.0
                for i in 0..<count where line[i] > 0 { sum -= Double(line[i] * log(line[i])) }
                sums.mutableBase[row] = Float(sum)
            }
        }
        return sums.elements.reduce(0) { $0 + Double($1) } / Double(rows)
    }
}

extension DINOLoss.Options {
    private enum CodingKeys: String, CodingKey {
        case studentTemperature, centreMomentum, targets, teacherTemperature
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        studentTemperature = try container.decode(Double.self, forKey: .studentTemperature)
        centreMomentum = try container.decode(Double.self, forKey: .centreMomentum)
        // Not in the checkpoints of the first versions.
        targets = try container.decodeIfPresent(TargetRule.self, forKey: .targets) ?? .centring
        teacherTemperature = try container.decode(LinearWarmup.self, forKey: .teacherTemperature)
    }
}
