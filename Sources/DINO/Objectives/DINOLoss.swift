import Foundation
import Tensors

/// The loss of DINO (Caron et al. 2021, equations 2 to 4; `DINOLoss` of main_dino.py): for each crop, the student
/// predicts the teacher's output for the picture's other large crops.
///
///     q = softmax((teacher - centre) / teacherTemperature)
///     loss = mean of -sum_k q_k log softmax(student / studentTemperature)_k
///
/// over the pictures and over the pairs of a large crop (teacher) and another crop (student). Subtracting the
/// centre, a running mean of the teacher's outputs, keeps a single prototype from dominating; the low temperature
/// keeps the teacher's distributions from becoming uniform.
public struct DINOLoss: Sendable {
    /// The options of the loss.
    public struct Options: Sendable, Codable, Hashable {
        /// The student's temperature: `student_temp`.
        public var studentTemperature = 0.1
        /// The momentum of the centre's running mean; 1 disables centring: `center_momentum`.
        public var centreMomentum = 0.9
        /// How the teacher's outputs are turned into targets: `centering` of dinov2.
        public var targets = TargetRule.centring
        /// The teacher's temperature by epoch: `--warmup_teacher_temp`, `--teacher_temp`,
        /// `--warmup_teacher_temp_epochs`.
        public var teacherTemperature = LinearWarmup(from: 0.04, to: 0.04, warmupEpochs: 0)

        /// Creates options with the defaults of main_dino.py.
        public init() {}

        /// How targets are kept from collapsing to one prototype or to the uniform distribution.
        public enum TargetRule: String, Sendable, Codable, Hashable, CaseIterable {
            /// A running mean of the outputs is subtracted (Caron et al. 2021).
            case centring = "centering"
            /// The outputs of a step are balanced by the Sinkhorn-Knopp algorithm (Caron et al. 2020).
            case sinkhornKnopp = "sinkhorn-knopp"
        }
    }

    /// The options of the loss.
    public let options: Options
    /// The running mean of the teacher's outputs, `[prototypes]`.
    public var centre: Tensor

    /// Creates a loss whose centre is 0.
    ///
    /// - Parameters:
    ///   - prototypes: the number of prototypes.
    ///   - options: the options of the loss.
    public init(prototypes: Int, options: Options = Options()) {
        self.options = options
        centre = Tensor(repeating: 0, shape: [prototypes])
    }

    /// The targets: `softmax((output - centre) / temperature)` of each row, or with Sinkhorn-Knopp the balanced
    /// outputs of all rows of the step.
    ///
    /// - Parameters:
    ///   - outputs: for each of this rank's shares the output of the teacher's head, `[rows, prototypes]`; nil if it has
    ///     none.
    ///   - temperature: the teacher's temperature.
    ///   - communicator: the ranks that hold the shares.
    /// - Complexity: O(elements).
    func targets(
        of outputs: [Tensor?], temperature: Double, across communicator: any Communicator
    ) -> [Tensor?] {
        guard options.targets == .centring else {
            return Tensor.sinkhornKnopp(
                outputs, columns: centre.count, temperature: temperature, across: communicator)
        }
        return outputs.map { $0?.softmax(centre: centre, temperature: Float(temperature)) }
    }

    /// Moves the centre towards the mean of the teacher's outputs in a step, if there are any.
    ///
    /// - Parameters:
    ///   - outputs: for each of this rank's shares the output of the teacher's head, `[rows, prototypes]`; nil if it has
    ///     none.
    ///   - communicator: the ranks that hold the shares.
    mutating func moveCentre(by outputs: [Tensor?], across communicator: any Communicator) {
        let count = centre.count
        let rows = communicator.sum(outputs.map { [Double($0?.shape[0] ?? 0)] })[0]
        guard rows > 0 else { return }
        let sums = communicator.sum(outputs.map { $0.sumsOfColumns(count) })
        let kept = Float(options.centreMomentum)
        let share = Float(1 - options.centreMomentum) / Float(rows)
        var moved = Tensor(uninitialized: centre.shape)
        withUnsafePointers(writing: &moved, reading: centre, sums) { target, centre, sums in
            inChunks(of: count) {
                for k in $0 { target[k] = centre[k] * kept + sums[k] * share }
            }
        }
        centre = moved
    }

    /// The mean entropy in nats of rows that are distributions: 0 if each has a single prototype, log(prototypes)
    /// if all are uniform; nil if there are no rows.
    ///
    /// - Parameters:
    ///   - targets: for each of this rank's shares its rows, `[rows, prototypes]`; nil if it has none.
    ///   - communicator: the ranks that hold the shares.
    static func entropy(of targets: [Tensor?], across communicator: any Communicator) -> Double? {
        let sums = communicator.sum(
            targets.map { [$0?.sumOfEntropies ?? 0, Double($0?.shape[0] ?? 0)] })
        return sums[1] > 0 ? sums[0] / sums[1] : nil
    }
}

extension Tensor? {
    /// The sum of each column: `[columns]`; zeros for no rows.
    fileprivate func sumsOfColumns(_ columns: Int) -> Tensor {
        var sums = Tensor(repeating: 0, shape: [columns])
        guard let self else { return sums }
        withUnsafePointers(writing: &sums, reading: self) { target, source in
            inChunks(of: columns) { chunk in
                for row in 0..<self.shape[0] {
                    for k in chunk { target[k] += source[row * columns + k] }
                }
            }
        }
        return sums
    }
}

extension Tensor {
    /// The sum of the entropies of the rows.
    fileprivate var sumOfEntropies: Double {
        let count = shape[-1]
        let rows = self.count / count
        var sums = Tensor(uninitialized: [rows])
        withUnsafePointers(writing: &sums, reading: self) { sums, x in
            Parallelism.perform(count: rows) { row in
                let line = x + row * count
                var sum = 0.0
                for i in 0..<count where line[i] > 0 { sum -= Double(line[i] * log(line[i])) }
                sums[row] = Float(sum)
            }
        }
        return sums.elements.reduce(0) { $0 + Double($1) }
    }
}

extension DINOLoss.Options {
    private enum CodingKeys: String, CodingKey {
        case studentTemperature, centreMomentum, targets, teacherTemperature
    }

    /// Decodes options; older checkpoints, without a target rule, used centring.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        studentTemperature = try container.decode(Double.self, forKey: .studentTemperature)
        centreMomentum = try container.decode(Double.self, forKey: .centreMomentum)
        // Absent from checkpoints of the first versions.
        targets = try container.decodeIfPresent(TargetRule.self, forKey: .targets) ?? .centring
        teacherTemperature = try container.decode(LinearWarmup.self, forKey: .teacherTemperature)
    }
}
