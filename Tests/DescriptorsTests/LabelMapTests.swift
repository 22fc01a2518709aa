import Descriptors
import Images
import Tensors
import Testing
import ViT

/// Operations on masks and label maps.
@Suite struct LabelMapTests {
    @Test func erosionTakesMinimumOfNeighbourhood() {
        let (width, height) = (23, 17)
        for size in [1, 3, 7] {
            let mask = noise(width * height, seed: 4).map { $0 > -0.9 }
            let found = eroded(mask, width: width, height: height, size: size)
            let reach = size / 2
            for y in 0..<height {
                for x in 0..<width {
                    var isWhole = true
                    for v in max(0, y - reach)...min(height - 1, y + reach) {
                        for u in max(0, x - reach)...min(width - 1, x + reach) {
                            isWhole = isWhole && mask[v * width + u]
                        }
                    }
                    #expect(found[y * width + x] == isWhole)
                }
            }
        }
        let all = [Bool](repeating: true, count: 12)
        #expect(eroded(all, width: 4, height: 3, size: 7) == all)
    }

    /// Each label's indicator is interpolated bilinearly.
    @Test func resizingTakesLabelWithGreatestWeight() {
        let (width, height) = (7, 5)
        let labels = noise(width * height, seed: 6).map { UInt8(min(3, max(0, 2 + 2 * $0))) }
        let map = LabelMap(width: width, height: height, labels: labels)
        for (newWidth, newHeight) in [(31, 18), (7, 9), (3, 2)] {
            let resized = map.resized(width: newWidth, height: newHeight)
            for y in 0..<newHeight {
                for x in 0..<newWidth {
                    func samples(_ index: Int, _ count: Int, _ from: Int) -> [(Int, Double)] {
                        let position = (Double(index) + 0.5) * Double(from) / Double(count) - 0.5
                        let low = Int(position.rounded(.down))
                        let part = position - position.rounded(.down)
                        return [(low, 1 - part), (low + 1, part)].map {
                            (min(max($0.0, 0), from - 1), $0.1)
                        }
                    }
                    var weights = [Double](repeating: 0, count: 4)
                    for (row, a) in samples(y, newHeight, height) {
                        for (column, b) in samples(x, newWidth, width) {
                            weights[Int(labels[row * width + column])] += a * b
                        }
                    }
                    let label = Int(resized.labels[y * newWidth + x])
                    // Rounding may decide between equal weights.
                    #expect(weights[label] >= (weights.max() ?? 0) - 1e-5)
                }
            }
        }
        #expect(map.resized(width: width, height: height) == map)
    }

    @Test func saliencyIsEnlargedByNearestNeighbour() {
        // Pillow's nearest: output k takes input floor((k + 0.5) * 3 / 7).
        let map = SaliencyMap(values: Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3]))
        let large = map.resized(to: PatchGrid(rows: 3, columns: 7)).values
        #expect(
            large.elements == [
                1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 4, 4, 5, 5, 5, 6, 6,
            ])
    }

    @Test func drawingBlendsLabelsWithPhoto() {
        let labels = (0..<64).map { UInt8($0 % 8 < 4 ? 0 : 1) }
        let map = LabelMap(width: 8, height: 8, labels: labels)
        let photo = Image(width: 8, height: 8, colour: Colour(0x204060))
        let picture = map.drawn(over: photo, palette: [.black, Colour(0xFF0000)], strength: 0.5)
        // Label 0: gray 0.299 * 32 + 0.587 * 64 + 0.114 * 96 = 58 with 0.6 parts of white; the white outline; and
        // label 1, half its colour.
        #expect(picture[0, 4] == Colour(0xB0B0B0))
        #expect(picture[3, 4] == .white && picture[4, 4] == .white)
        #expect(picture[7, 4] == Colour(0x902030))
        #expect(LabelMap.palette(parts: 12).count == 13 && LabelMap.palette(parts: 0) == [.black])
    }

    /// The C++ standard, [rand.predef]: the 10000th number of a `mt19937` with its default seed.
    @Test func mersenneTwisterMatchesStandard() {
        var generator = MersenneTwister(seed: 5489)
        var last: UInt32 = 0
        for _ in 0..<10_000 { last = generator.next() }
        #expect(last == 4_123_659_995)
        #expect(MersenneTwister.permutation(50, seed: 3).sorted() == Array(0..<50))
    }
}
