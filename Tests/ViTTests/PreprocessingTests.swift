import Images
import Tensors
import Testing
import ViT

@Suite struct PreprocessingTests {
    /// torchvision's result for the photo and a load size; 0: without resizing.
    private func expected(_ name: String, _ size: Int) throws -> Tensor {
        try TensorFile(contentsOf: ModelFixture.path("preprocessed.safetensors"))
            .tensor(named: "\(name).\(size)")
    }

    private func photo() throws -> Image {
        try Image(contentsOf: ModelFixture.path("photo.png"))
    }

    @Test(arguments: [0, 24, 64])
    func resizingMatchesTorchvision(size: Int) throws {
        let expected = try expected("resized", size)
        let image = try Preprocessing(loadSize: size > 0 ? size : nil)
            .networkImage(of: try photo(), for: .small()).image
        #expect([image.height, image.width, 3] == expected.shape.dimensions)
        let differences = zip(image.pixels, expected.elements).map { abs(Float($0) - $1) }
        // The order of the passes may change a pixel by one level; nothing else may differ.
        #expect(differences.allSatisfy { $0 <= 1 })
        #expect(differences.count { $0 > 0 } <= differences.count / 1000)
    }

    @Test func keepsThePhotoSizeAndLimitsGrowth() throws {
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

    @Test(arguments: [0, 24, 64])
    func normalisationMatchesTorchvision(size: Int) throws {
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

    @Test func defaultsMatchTheReference() {
        let preprocessing = Preprocessing()
        #expect(preprocessing.loadSize == 224)
        #expect(preprocessing.normalization == nil)
        let normalization = VisionTransformer.Configuration.small().normalization
        #expect(normalization.mean == [0.485, 0.456, 0.406])
        #expect(normalization.standardDeviation == [0.229, 0.224, 0.225])
    }
}
