import DINO
import Foundation
import Tensors

/// What `Fixtures/Evaluation/make_evaluation.py` made with the official code and torchvision.
enum EvaluationFixtures {
    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/Evaluation/\(name)").path
    }

    static func tensors(_ name: String) throws -> TensorFile {
        try TensorFile(contentsOf: path(name))
    }
}

/// Numbers from a normal distribution.
func normalNoise(_ shape: Shape, seed: UInt64) -> Tensor {
    var generator = Xoshiro256(seed: seed)
    return Tensor((0..<shape.count).map { _ in Float(generator.nextNormal()) }, shape: shape)
}
