import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct AttentionDescriptorsTests {
    private let geometry = DescriptorGrid.Geometry(
        width: 16, height: 8, patchSize: 4, stride: PatchStride(4))

    /// Random attention of two images, two layers and three heads against the formula; one head attends to all patches
    /// equally.
    @Test func classAttentionBecomesStandardizedLogarithms() {
        let (heads, patches) = (3, 8)
        var generator = Xoshiro256(seed: 1)
        var values: [FeatureTap: Tensor] = [:]
        for layer in [2, 3] {
            var attention = (0..<2 * heads * (1 + patches)).map { _ in
                Float(0.01 + generator.nextUniform())
            }
            if layer == 3 {
                for patch in 1...patches { attention[(heads + 1) * (1 + patches) + patch] = 0.05 }
            }
            values[FeatureTap(layer: layer, facet: .classAttention)] = Tensor(
                attention, shape: [2, heads, 1 + patches])
        }
        let features = Features(
            layout: TokenLayout(grid: geometry.grid),
            configuration: .init(width: 12, depth: 4, heads: heads), values: values)
        let grid = DescriptorGrid(
            classAttention: features, layers: [2, 3], image: 1, geometry: geometry)
        #expect(grid.values.shape == [2, 4, 6])
        let last = DescriptorGrid(
            features, tap: FeatureTap(layer: 3, facet: .classAttention), image: 1,
            geometry: geometry)
        for patch in 0..<patches {
            let both = Array(grid.values.elements[patch * 6..<patch * 6 + 6])
            #expect(Array(last.values.elements[patch * 3..<patch * 3 + 3]) == Array(both[3...]))
        }
        for (index, layer) in [2, 3].enumerated() {
            let attention = features[FeatureTap(layer: layer, facet: .classAttention)].elements
            for head in 0..<heads {
                let logarithms = (1...patches).map {
                    log(Double(attention[(heads + head) * (1 + patches) + $0]))
                }
                let mean = logarithms.reduce(0, +) / 8
                let squares = logarithms.map { ($0 - mean) * ($0 - mean) }
                let deviation = (squares.reduce(0, +) / 8).squareRoot()
                for patch in 0..<patches {
                    let expected =
                        layer == 3 && head == 1 ? 0 : (logarithms[patch] - mean) / deviation
                    let found = grid.values.elements[patch * 6 + index * heads + head]
                    #expect(abs(Double(found) - expected) < 1e-5)
                }
            }
        }
    }

    /// Objects of two parts, on a background whose descriptors resemble neither. Pixels beyond an object take the nearest
    /// part.
    @Test func givenObjectsAreDividedIntoParts() {
        let values: [Float] = [1, 0, 0.9, 0.1, 0, 1, -1, -1, 1, 0, 1, 0, 0.1, 0.9, -0.1, -1]
        let features = SegmentationFeatures(
            descriptors: DescriptorGrid(
                values: Tensor(values, shape: [2, 4, 2]), geometry: geometry),
            saliency: nil, image: Image(width: 16, height: 8))
        let mask = LabelMap(
            width: 16, height: 8, labels: (0..<128).map { $0 % 16 < 12 ? 1 : 0 })
        var options = PartCoSegmentation.Options()
        options.parts = 2
        options.refinement = nil
        options.foreground.clustering.sampleInterval = 1
        let parts = PartCoSegmentation(
            fitting: [features, features], masks: [mask, mask], options: options)
        let labels = parts.labels(of: features).labels
        let first = labels[0]
        #expect([1, 2].contains(first))
        for i in labels.indices {
            #expect(labels[i] == (i % 16 < 8 ? first : i % 16 < 12 ? 3 - first : labels[i]))
            #expect(labels[i] != 0)
        }
    }
}
