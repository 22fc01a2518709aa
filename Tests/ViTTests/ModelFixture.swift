import Foundation
import Tensors
import ViT

/// A small model and the results of the official code; `Fixtures/make_model.py` made them.
enum ModelFixture {
    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/Model/\(name)").path
    }

    static func model(_ resampling: PositionResampling = .scaleFactor) throws -> VisionTransformer {
        var model = try VisionTransformer(contentsOf: path("weights.safetensors"), heads: 2)
        model.positionEncoding?.resampling = resampling
        return model
    }

    /// The image of the given size, as a batch of one.
    static func image(height: Int, width: Int) throws -> Tensor {
        try TensorFile(contentsOf: path("features.safetensors"))
            .tensor(named: "image.\(height)x\(width)").reshaped(to: [1, 3, height, width])
    }
}

/// The path of a file that is deleted with this object.
final class TemporaryFile: Sendable {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).safetensors").path

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension FeatureTap {
    static let all = (0..<3).flatMap { layer in
        Facet.allCases.map { FeatureTap(layer: layer, facet: $0) }
    }
}

/// The norm of the difference of two tensors, relative to that of the second; infinite if their counts differ.
func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
    guard a.count == b.count else { return .infinity }
    var distance = 0.0
    var length = 0.0
    for (x, y) in zip(a.elements, b.elements) {
        distance += Double(x - y) * Double(x - y)
        length += Double(y) * Double(y)
    }
    return (distance / length).squareRoot()
}

/// Whether two tensors are equal bit for bit.
func identical(_ a: Tensor, _ b: Tensor) -> Bool {
    a.shape == b.shape && a.elements.map(\.bitPattern) == b.elements.map(\.bitPattern)
}
