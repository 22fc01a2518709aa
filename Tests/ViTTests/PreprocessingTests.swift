import Images
import Tensors
import Testing
import ViT

@Suite struct PreprocessingTests {
    /// What torchvision makes of the photo for a load size; 0: as it is.
    private func expected(_ name: String, _ size: Int) throws -> Tensor {
        try TensorFile(contentsOf: ModelFixture.path("preprocessed.safetensors"))
            .tensor(named: "\(name).\(size)")
    }

    private func photo() throws -> Image {
        try Image(contentsOf: ModelFixture.path("photo.png"))
    }

    @Test("A photo is resized as by torchvision", arguments: [0, 24, 64])
    func resizing(size: Int) throws {
        let expected = try expected("resized", size)
        let image = try Preprocessing(loadSize: size > 0 ? size : nil)
            .networkImage(of: try photo(), for: .small()).image
        #expect([image.height, image.width, 3] == expected.shape.dimensions)
        let differences = zip(image.pixels, expected.elements).map { abs(Float($0) - $1) }
        // One grey level is what the order of passes may change; nothing else may.
        #expect(differences.allSatisfy { $0 <= 1 })
        #expect(differences.count { $0 > 0 } <= differences.count / 1000)
    }

    @Test("A photo keeps its size beside the network's; none grows without bound")
    func sizes() throws {
        let strip = Image(width: 4000, height: 2)
        let kept = try Preprocessing(loadSize: nil).networkImage(of: strip, for: .small())
        #expect(kept.image == strip)
        let shrunk = try Preprocessing(loadSize: 1).networkImage(of: strip, for: .small())
        #expect([shrunk.image.width, shrunk.image.height] == [2000, 1])
        #expect([shrunk.photoWidth, shrunk.photoHeight] == [4000, 2])
        for loadSize in [224, 1 << 20, .max] {
            let error = PreprocessingError.tooLong(width: 4000, height: 2, loadSize: loadSize)
            #expect(throws: error) {
                _ = try Preprocessing(loadSize: loadSize).networkImage(of: strip, for: .small())
            }
        }
    }

    @Test("A picture is normalised as by torchvision", arguments: [0, 24, 64])
    func normalisation(size: Int) throws {
        let pixels = try expected("resized", size)
        let image = Image(
            width: pixels.shape[1], height: pixels.shape[0], pixels: pixels.elements.map(UInt8.init)
        )
        let tensor = Preprocessing().tensor(of: image, for: .small())
        let expected = try expected("tensor", size)
        #expect(tensor.shape == expected.shape)
        for (x, y) in zip(tensor.elements, expected.elements) {
            // Values up to 2.7, after a division, a difference and a division.
            #expect(abs(x - y) <= 1e-6)
        }
    }

    @Test("The defaults are the reference's")
    func defaults() {
        let preprocessing = Preprocessing()
        #expect(preprocessing.loadSize == 224)
        #expect(preprocessing.normalization == nil)
        let normalization = VisionTransformer.Configuration.small().normalization
        #expect(normalization.mean == [0.485, 0.456, 0.406])
        #expect(normalization.standardDeviation == [0.229, 0.224, 0.225])
    }
}
