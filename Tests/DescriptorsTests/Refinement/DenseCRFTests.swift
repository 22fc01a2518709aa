import Descriptors
import Foundation
import Images
import Tensors
import Testing

@Suite struct DenseCRFTests {
    let fixture: RefinementFixture

    init() throws {
        fixture = try RefinementFixture()
    }

    @Test(arguments: [("crf.unaries", "crf.probabilities"), ("labels 1 and 2", "crf.two")])
    func probabilitiesMatchPydensecrf(unaries: String, expected: String) throws {
        let five = try fixture["crf.unaries"]
        let unaries = unaries == "crf.unaries" ? five : five.rows(1..<3)
        let expected = try fixture[expected]
        let found = DenseCRF().probabilities(unaries: unaries, image: fixture.image)
        #expect(found.shape == expected.shape)
        // pydensecrf's own result changes by 2e-3 if deviations change by 1e-7: a pixel on the border of two simplices
        // falls into the other one.
        #expect(greatestDifference(found.elements, expected.elements) < 5e-3)
        #expect(
            DenseCRF().labels(unaries: unaries, image: fixture.image)
                == mostProbable(expected))
    }

    private func mostProbable(_ probabilities: Tensor) -> [UInt8] {
        let labels = probabilities.shape[0]
        let pixels = probabilities.count / labels
        let elements = probabilities.elements
        return (0..<pixels).map { pixel in
            let column = (0..<labels).map { elements[$0 * pixels + pixel] }
            return UInt8(column.firstIndex(of: column.max() ?? 0) ?? 0)
        }
    }

    @Test func improbableLabelsChangeNothing() throws {
        // The labels fill more vectors of channels, to different extents.
        let unaries = try fixture["crf.unaries"]
        let expected = DenseCRF().probabilities(unaries: unaries, image: fixture.image)
        for more in [1, 4, 7] {
            let pixels = unaries.count / 5
            let far = [Float](repeating: 1000, count: more * pixels)
            let wide = Tensor(
                unaries.elements + far, shape: [5 + more, unaries.shape[1], unaries.shape[2]])
            let found = DenseCRF().probabilities(unaries: wide, image: fixture.image)
            let elements = found.elements
            #expect(
                greatestDifference(elements.prefix(5 * pixels), expected.elements) < 2e-3)
            #expect(elements.dropFirst(5 * pixels).allSatisfy { $0 == 0 })
        }
    }

    @Test func equalsSoftmaxWithoutKernels() throws {
        var crf = DenseCRF()
        crf.gaussianWeight = 0
        crf.bilateralWeight = 0
        let unaries = try fixture["crf.unaries"]
        let found = crf.probabilities(unaries: unaries, image: fixture.image).elements
        let pixels = unaries.count / 5
        let energies = unaries.elements.map { -Double($0) }
        for pixel in stride(from: 0, to: pixels, by: 7) {
            let values = (0..<5).map { exp(energies[$0 * pixels + pixel]) }
            for label in 0..<5 {
                let expected = values[label] / values.reduce(0, +)
                #expect(abs(Double(found[label * pixels + pixel]) - expected) < 1e-6)
            }
        }
    }

    @Test func acceptsExtremeUnariesAndSinglePixel() {
        let dot = Image(width: 1, height: 1)
        let sure = Tensor([1e30, -1e30, 3] as [Float], shape: [3, 1, 1])
        #expect(DenseCRF().probabilities(unaries: sure, image: dot).elements == [0, 1, 0])
        #expect(DenseCRF().labels(unaries: Tensor([7], shape: [1, 1, 1]), image: dot) == [0])
    }

    @Test(arguments: 2...6)
    func firstOfEqualLabelsWins(labels: Int) throws {
        let image = fixture.image
        let even = Tensor(repeating: 2, shape: [labels, image.height, image.width])
        let found = DenseCRF().labels(unaries: even, image: image)
        #expect(found.allSatisfy { $0 == 0 })
    }

    @Test func resultsAreIdenticalForAnyThreadCount() throws {
        // Larger than a single task of any kind.
        let image = fixture.image.resized(width: 170, height: 130, using: .bicubic)
        let unaries = Tensor(noise(6 * 170 * 130, seed: 3), shape: [6, 130, 170])
        let results = withThreadCounts {
            DenseCRF().probabilities(unaries: unaries, image: image)
        }
        #expect(results[1] == results[0] && results[2] == results[0])
    }
}
