import DINO
import Foundation
import Tensors

/// Results of the official code and torchvision, written by `Fixtures/Evaluation/make_evaluation.py`.
enum EvaluationFixtures {
    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/Evaluation/\(name)").path
    }

    static func tensors(_ name: String) throws -> TensorFile {
        try TensorFile(contentsOf: path(name))
    }
}

/// Samples of the standard normal distribution.
func normalNoise(_ shape: Shape, seed: UInt64) -> Tensor {
    var generator = Xoshiro256(seed: seed)
    return Tensor((0..<shape.count).map { _ in Float(generator.nextNormal()) }, shape: shape)
}
