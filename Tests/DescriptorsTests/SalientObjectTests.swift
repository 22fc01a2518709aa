import Descriptors
import Images
import Tensors
import Testing
import ViT

@Suite struct SalientObjectTests {
    /// Saliency of patches of one pixel.
    private func saliency(_ values: [Float], width: Int) -> PixelSaliency {
        let height = values.count / width
        return PixelSaliency(
            SaliencyMap(values: Tensor(values, shape: [height, width])),
            geometry: DescriptorGrid.Geometry(
                width: width, height: height, patchSize: 1, stride: PatchStride(1)))
    }

    /// The two largest values have 7 of the sum of 10.
    @Test func foregroundHoldsRequestedShare() {
        let saliency = saliency([1, 4, 2, 3], width: 4)
        #expect(saliency.pixels() == [1, 4, 2, 3])
        #expect(saliency.foreground() == [false, true, false, true])
        #expect(saliency.foreground(keeping: 0.4) == [false, true, false, false])
        #expect(!self.saliency([0, 0, 0, 0], width: 4).foreground().contains(true))
    }

    /// A light rectangle on a dark background, whose middle is salient, is found completely; a salient strip of the same
    /// colour at the border is not.
    @Test func objectExtendsAsFarAsItsColour() {
        let (width, height) = (64, 48)
        var image = Image(width: width, height: height)
        var values = [Float](repeating: 0, count: width * height)
        var expected = [UInt8](repeating: 0, count: width * height)
        for row in 0..<height {
            for column in 0..<width {
                let isObject = (12..<36).contains(column) && (10..<30).contains(row)
                let isAtBorder = column >= width - 2
                image[column, row] =
                    isObject || isAtBorder
                    ? Colour(0xE0C080) : Colour(UInt32((row * 7 + column * 3) % 16))
                expected[row * width + column] = isObject ? 1 : 0
                if (20..<28).contains(column) && (16..<24).contains(row) {
                    values[row * width + column] = 1
                }
                if isAtBorder { values[row * width + column] = 1 }
            }
        }
        let found = SalientObject().mask(of: image, saliency: saliency(values, width: width))
        #expect(found == LabelMap(width: width, height: height, labels: expected))
    }

    /// Against GrabCut from labels that are computed pixel by pixel.
    @Test func equalsGrabCutFromMostSalientPixels() {
        let (width, height) = (40, 32)
        var generator = Xoshiro256(seed: 3)
        var image = Image(width: width, height: height)
        var values: [Float] = []
        for row in 0..<height {
            for column in 0..<width {
                image[column, row] = Colour(
                    UInt32(truncatingIfNeeded: generator.next()) & 0x3F3F3F
                        + ((10..<25).contains(column) ? 0x606060 : 0x303030))
                // A permutation of the integers from 0: all differ, and their sums are exact.
                values.append(Float((row * width + column) * 479 % (width * height)))
            }
        }
        var object = SalientObject()
        object.certainShare = 0.25
        object.probableShare = 0.5
        object.margin = 0.1
        let total = values.reduce(0) { $0 + Double($1) }
        let labels = values.indices.map { index -> GrabCut.Label in
            let (row, column) = (index / width, index % width)
            guard (4..<36).contains(column), (3..<29).contains(row) else { return .background }
            // Foreground if all more salient pixels together hold less than the share.
            let above = values.reduce(0.0) { $0 + ($1 > values[index] ? Double($1) : 0) }
            return above < 0.25 * total
                ? .foreground : above < 0.5 * total ? .probableForeground : .probableBackground
        }
        var seeds = Xoshiro256(seed: object.seed)
        let cut = GrabCut().labels(of: image, from: labels, using: &seeds)
        let mask = object.mask(of: image, saliency: saliency(values, width: width))
        #expect(mask.labels == cut.map { $0.isForeground ? 1 : 0 })
        #expect(mask.labels.contains(0) && mask.labels.contains(1))
    }

    @Test func maskIsEmptyWithoutSaliency() {
        let image = Image(width: 8, height: 8)
        let mask = SalientObject().mask(
            of: image, saliency: saliency([Float](repeating: 0, count: 64), width: 8))
        #expect(mask == LabelMap(width: 8, height: 8, labels: [UInt8](repeating: 0, count: 64)))
    }
}
