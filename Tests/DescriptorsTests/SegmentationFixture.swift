import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

/// Four synthetic pictures and the reference's results for them, which `Fixtures/make_segmentation_fixtures.py` wrote.
struct SegmentationFixture {
    let pictures: [SegmentationFeatures]
    private let file: TensorFile

    init() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        file = try TensorFile(
            contentsOf: folder.appendingPathComponent("Fixtures/segmentation.safetensors").path)
        let images = try file.tensor(named: "images")
        let descriptors = try file.tensor(named: "descriptors")
        let saliency = try file.tensor(named: "saliency")
        let (height, width) = (images.shape[1], images.shape[2])
        let geometry = DescriptorGrid.Geometry(
            width: width, height: height, patchSize: 8, stride: PatchStride(4))
        pictures = (0..<images.shape[0]).map { index in
            let coarse = SaliencyMap(values: saliency.slice(index))
            let values = descriptors.slice(index)
            return SegmentationFeatures(
                descriptors: DescriptorGrid(values: values, geometry: geometry),
                classToken: token(1, Float(index) / 10),
                saliency: coarse.resized(to: geometry.grid),
                image: Image(
                    width: width, height: height,
                    pixels: images.slice(index).elements.map { UInt8($0) }))
        }
    }

    func tensor(_ name: String) throws -> Tensor { try file.tensor(named: name) }

    /// Labels of all pictures.
    func labels(_ name: String) throws -> [UInt8] {
        try tensor(name).elements.map { UInt8($0) }
    }

    /// The fixture's options.
    static func options(seed: UInt64 = 1234) -> CoSegmentation.Options {
        var options = CoSegmentation.Options()
        options.clustering.sampleInterval = 5
        options.threshold = 0.25
        options.seed = seed
        return options
    }
}

extension Tensor {
    /// One slice along the outermost dimension, without that dimension.
    fileprivate func slice(_ index: Int) -> Tensor {
        rows(index..<index + 1).reshaped(to: Shape(Array(shape.dimensions.dropFirst())))
    }
}

/// A class token of width 12 with two non-zero elements.
func token(_ first: Float, _ second: Float) -> Tensor {
    Tensor([first, second] + Array(repeating: 0, count: 10), shape: [12])
}

/// The share of equal labels; 0 if their numbers differ.
func agreement(_ a: [UInt8], _ b: [UInt8]) -> Double {
    a.count == b.count ? Double(zip(a, b).count { $0 == $1 }) / Double(a.count) : 0
}

/// A temporary file, removed together with the last reference to it.
final class TemporaryFile {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("descriptors-tests-\(UUID().uuidString)").path

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
