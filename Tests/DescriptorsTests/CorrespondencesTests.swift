import Descriptors
import Foundation
import Tensors
import Testing
import ViT

private struct CorrespondencesCase: Decodable {
    let rows: Int
    let columns: Int
    let stride: Int
    let patchSize: Int
    let count: Int
    let a: [Float]
    let b: [Float]
    let aSaliency: [Float]
    let bSaliency: [Float]
    let bestBuddies: Int
    let salientBuddies: Int
    /// Each pair's x and y in both images, sorted.
    let points: [[Double]]

    func features(_ values: [Float], _ saliency: [Float]) -> ImageFeatures {
        let geometry = DescriptorGrid.Geometry(
            width: (columns - 1) * stride + patchSize, height: (rows - 1) * stride + patchSize,
            patchSize: patchSize, stride: PatchStride(stride))
        return ImageFeatures(
            descriptors: DescriptorGrid(
                values: Tensor(values, shape: [rows, columns, values.count / (rows * columns)]),
                geometry: geometry),
            saliency: SaliencyMap(values: Tensor(saliency, shape: [rows, columns])))
    }
}

/// Features whose descriptors are axis vectors: cell i of one grid matches cell i of another.
private func axes(_ rows: Int, _ columns: Int, saliency: [Float]) -> ImageFeatures {
    let count = rows * columns
    var values = [Float](repeating: 0, count: count * count)
    for cell in 0..<count { values[cell * (count + 1)] = 1 }
    return ImageFeatures(
        descriptors: grid(values, rows, columns),
        saliency: SaliencyMap(values: Tensor(saliency, shape: [rows, columns])))
}

@Suite struct CorrespondencesTests {
    @Test func pairsMatchReference() throws {
        let example: CorrespondencesCase = try fixture("correspondences.json")
        var options = Correspondences.Options()
        options.pairs = example.count
        let found = correspondences(
            between: example.features(example.a, example.aSaliency),
            and: example.features(example.b, example.bSaliency), options: options)
        #expect(found.bestBuddies == example.bestBuddies)
        #expect(found.salientBuddies == example.salientBuddies)
        let points = found.pairs.map {
            [$0.source.pixel.x, $0.source.pixel.y, $0.target.pixel.x, $0.target.pixel.y]
        }
        #expect(points.sorted { $0.lexicographicallyPrecedes($1) } == example.points)
        #expect(
            found.pairs.map(\.saliency) == found.pairs.map(\.saliency).sorted(by: >))
        for pair in found.pairs {
            let cells = [pair.source.cell, pair.target.cell].map {
                $0.row * example.columns + $0.column
            }
            #expect(
                pair.saliency == (example.aSaliency[cells[0]] + example.bSaliency[cells[1]]) / 2)
        }
    }

    @Test func pairsAreSalientAtBothEnds() {
        var options = Correspondences.Options()
        options.binning = .none
        let a = axes(1, 4, saliency: [1, 0.05, 0.5, 0.7])
        let b = axes(2, 2, saliency: [0.04, 1, 0.6, 0.2])
        let found = correspondences(between: a, and: b, options: options)
        #expect(found.bestBuddies == 4)
        #expect(found.salientBuddies == 2)
        #expect(
            found.pairs.map(\.source.cell) == [.init(row: 0, column: 2), .init(row: 0, column: 3)])
        #expect(
            found.pairs.map(\.target.cell) == [.init(row: 1, column: 0), .init(row: 1, column: 1)])
        #expect(found.pairs.allSatisfy { $0.similarity == 1 })
    }

    /// The reference would keep a pair whose end in the second image is background if a salient cell there has the same
    /// nearest neighbour.
    @Test func pairsWithBackgroundEndAreExcluded() {
        let a = ImageFeatures(
            descriptors: grid([1, 0], 1, 1),
            saliency: SaliencyMap(values: Tensor([1], shape: [1, 1])))
        let b = ImageFeatures(
            descriptors: grid([1, 0, 1, 1], 1, 2),
            saliency: SaliencyMap(values: Tensor([0, 1], shape: [1, 2])))
        var options = Correspondences.Options()
        options.binning = .none
        let found = correspondences(between: a, and: b, options: options)
        #expect(found.bestBuddies == 1)
        #expect(found.salientBuddies == 0)
        #expect(found.pairs.isEmpty)
    }

    @Test func choosesAmongEquivalentPairs() {
        // More pairs than requested, whose joined descriptors differ only in the position of their elements.
        var options = Correspondences.Options()
        options.pairs = 3
        let a = axes(3, 3, saliency: Array(repeating: 1, count: 9))
        let found = correspondences(between: a, and: a, options: options)
        #expect(found.salientBuddies == 9)
        #expect(found.pairs.count == 3)
        #expect(Set(found.pairs.map(\.source.cell)).count == 3)
    }

    @Test func defaultsMatchReferenceAndCanBeStored() throws {
        let options = Correspondences.Options()
        let features = options.features
        #expect(features.layer == nil && features.facet == .key && options.pairs == 10)
        var generator = Xoshiro256(seed: 0)
        for (depth, layer) in [(12, 9), (4, 3)] {
            let network = VisionTransformer(
                untrained: .init(width: 8, depth: depth, heads: 1), using: &generator)
            #expect(options.extractor(for: network).tap.layer == layer)
        }
        #expect(features.stride == nil && features.loadSize == 224)
        #expect(PatchStride.fine(for: .small()) == PatchStride(4))
        #expect(PatchStride.fine(for: .small(patchSize: 2)) == PatchStride(2))
        #expect(options.threshold == 0.05 && options.binning == .logarithmic(hierarchy: 2))
        let stored = try JSONEncoder().encode(options)
        #expect(
            try JSONDecoder().decode(Correspondences.Options.self, from: stored) == options)
    }
}
