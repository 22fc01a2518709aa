import DINO
import Images
import Tensors
import Testing
import ViT

@Suite struct CentreViewTests {
    /// Against torchvision's Resize and CenterCrop.
    @Test(arguments: [0, 1])
    func matchesTorchvision(index: Int) throws {
        let file = try EvaluationFixtures.tensors("views.safetensors")
        let pixels = try file.tensor(named: "\(index)")
        let picture = Image(
            width: pixels.shape[1], height: pixels.shape[0], pixels: pixels.elements.map(UInt8.init)
        )
        for (load, crop) in [(32, 28), (24, 19), (16, 16), (64, 56)] {
            let expected = try file.tensor(named: "\(index).\(load).\(crop)")
            let view = try CentreView(loadSize: load, cropSize: crop).tensor(
                of: picture, for: .small())
            #expect(view.shape == expected.shape)
            let differences = zip(view.elements, expected.elements).map { abs($0 - $1) }
            // The pixels agree to the bit; the values, up to 2.7, pass a division, a subtraction and a division.
            #expect(differences.allSatisfy { $0 <= 1e-6 }, "\(load), \(crop)")
        }
    }

    /// The crop of any other load size keeps the default ratio.
    @Test func defaultSizesMatchReference() {
        #expect(CentreView() == CentreView(loadSize: 256, cropSize: 224))
        #expect(CentreView(loadSize: 64).cropSize == 56)
        #expect(CentreView(loadSize: 1).cropSize == 1)
    }
}
