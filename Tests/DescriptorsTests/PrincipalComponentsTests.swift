import Descriptors
import Foundation
import Images
import Tensors
import Testing

/// Against scikit-learn and dino-vit-features; see `Fixtures/make_pca_fixtures.py`.
@Suite struct PrincipalComponentsTests {
    private struct Fixture: Decodable {
        var components: Components
        var picture: Picture

        struct Components: Decodable {
            var channels: Int
            var points: [Float]
            var mean: [Float]
            var directions: [Float]
            var variances: [Float]
            var totalVariance: Float
            var projected: [Float]
        }
        struct Picture: Decodable {
            var values: [Float]
            var pixels: [UInt8]
        }
    }

    /// The sign follows scikit-learn's rule too. Sums are in double precision, but the mean of 40 is rounded to
    /// float before a point's distance from it is computed: twice 40 * 2^-24.
    @Test func componentsMatchScikitLearn() throws {
        let expected = try (fixture("pca.json") as Fixture).components
        let channels = expected.channels
        let points = Tensor(expected.points, shape: [expected.points.count / channels, channels])
        let found = try PrincipalComponents(of: [points], count: 4)
        #expect(greatestDifference(found.mean.elements, expected.mean) < 1e-5)
        #expect(greatestDifference(found.directions.elements, expected.directions) < 1e-6)
        #expect(greatestDifference(found.variances, expected.variances) < 1e-5)
        #expect(abs(found.totalVariance - expected.totalVariance) < 1e-5)
        let projected = found.projected(points)
        #expect(projected.shape == [points.shape[0], 4])
        #expect(greatestDifference(projected.elements, expected.projected) < 2e-5)
        // The same points, in two sets.
        let parts = [points.rows(0..<31), points.rows(31..<90)]
        #expect(try PrincipalComponents(of: parts, count: 4) == found)
        // Fewer components are the first ones.
        let first = try PrincipalComponents(of: [points], count: 1)
        #expect(greatestDifference(first.directions.elements, expected.directions) < 1e-6)
    }

    /// The cases include incomplete panels of channels and more points than a chunk.
    @Test(arguments: [(1, 3), (5, 700), (13, 1100)])
    func covarianceMatchesDefinition(channels: Int, points: Int) {
        let values = noise(points * channels, seed: 5)
        let set = Tensor(values, shape: [points, channels])
        func value(_ point: Int, _ channel: Int) -> Double {
            Double(values[point * channels + channel])
        }
        let threads = Parallelism.threadCount
        defer { Parallelism.threadCount = threads }
        let means = (0..<channels).map { channel in
            (0..<points).reduce(0) { $0 + value($1, channel) } / Double(points)
        }
        var results: [[Double]] = []
        for threads in [1, 3] {
            Parallelism.threadCount = threads
            let found = Covariance(of: [set.rows(0..<2), set.rows(2..<points)])
            for i in 0..<channels {
                #expect(abs(found.mean[i] - means[i]) < 1e-14)
                for j in 0...i {
                    let products = (0..<points).map {
                        (value($0, i) - means[i]) * (value($0, j) - means[j])
                    }
                    let expected = products.reduce(0, +) / Double(points - 1)
                    #expect(abs(found.lower[i * channels + j] - expected) < 1e-13)
                }
            }
            results.append(found.lower)
        }
        #expect(results[0] == results[1])
    }

    /// The ratio is 0 without variance and 1 if all directions are kept.
    @Test func explainedVarianceMatchesDefinition() throws {
        for points in [1, 2, 5] {
            let same = Tensor(repeating: 0.5, shape: [points, 3])
            let found = try PrincipalComponents(of: [same], count: 2)
            #expect(found.explainedVarianceRatio == 0)
            #expect(found.projected(same).elements.allSatisfy { $0 == 0 })
        }
        let line = Tensor([0, 0, 1, 2, 2, 4], shape: [3, 2])
        #expect(try PrincipalComponents(of: [line], count: 1).explainedVarianceRatio > 0.999_99)
        // Two directions whose variances have the ratio 4 to 1.
        let cross = Tensor([2, 0, -2, 0, 0, 1, 0, -1], shape: [4, 2])
        let share = try PrincipalComponents(of: [cross], count: 1).explainedVarianceRatio
        #expect(abs(share - 0.8) < 1e-6)
    }

    @Test func otsuThresholdMatchesExhaustiveSearch() {
        for seed in 0..<20 as Range<UInt64> {
            // Rounded, so that there are ties.
            let values = noise(30, seed: seed).map { ($0 * 8).rounded() / 8 }
            let threshold = otsuThreshold(values)
            func between(_ threshold: Float) -> Double {
                let above = values.filter { $0 > threshold }.map(Double.init)
                let below = values.filter { $0 <= threshold }.map(Double.init)
                guard !above.isEmpty, !below.isEmpty else { return 0 }
                let difference =
                    above.reduce(0, +) / Double(above.count)
                    - below.reduce(0, +) / Double(below.count)
                return Double(above.count) * Double(below.count) * difference * difference
            }
            let best = values.map(between).max() ?? 0
            #expect(abs(between(threshold) - best) < 1e-9 * best)
        }
        #expect(otsuThreshold([2, 2, 2]) == 2)
    }

    /// The salient one of two clusters is foreground, on whichever side it lies, and its points alone determine the
    /// components.
    @Test(arguments: [false, true]) func salientClusterIsForeground(firstIsSalient: Bool) throws {
        let values = noise(200 * 6, seed: 9)
        let points = Tensor(
            values.enumerated().map { $1 * Float($0 % 6 + 1) + ($0 / 6 < 80 ? 20 : -3) },
            shape: [200, 6])
        let saliency = Tensor(
            (0..<200).map { ($0 < 80) == firstIsSalient ? 0.7 : 0.2 }, shape: [200])
        let basis = try PrincipalBasis(of: [points], foregroundBy: [saliency], count: 3)
        let isForeground = try #require(basis.separator).isForeground(points)
        #expect(isForeground == (0..<200).map { ($0 < 80) == firstIsSalient })
        let cluster = points.rows(firstIsSalient ? 0..<80 : 80..<200)
        let alone = try PrincipalBasis(of: [cluster], count: 3)
        #expect(alone.separator == nil && basis.components == alone.components)
        let projected = basis.projected(points).elements
        for index in projected.indices {
            #expect(projected[index].isNaN == !isForeground[index / 3])
        }
        #expect(projected.filter { !$0.isNaN } == alone.projected(cluster).elements)
    }

    /// A single point and equal points have no variance; non-finite points are rejected.
    @Test func degeneratePointsAreHandled() throws {
        for points in [1, 5] {
            let same = Tensor(repeating: 3, shape: [points, 4])
            let basis = try PrincipalBasis(
                of: [same], foregroundBy: [Tensor(repeating: 0, shape: [points])], count: 2)
            #expect(basis.components.variances == [0, 0])
            #expect(basis.projected(same).elements.allSatisfy { $0 == 0 || $0.isNaN })
        }
        for value in [Float.nan, .infinity] {
            let points = Tensor([1, 2, value, 4], shape: [2, 2])
            #expect(throws: PrincipalComponentsError.notFinite) {
                try PrincipalComponents(of: [points], count: 1)
            }
        }
    }

    @Test func pictureMatchesReference() throws {
        let expected = try (fixture("pca.json") as Fixture).picture
        let values = Tensor(expected.values, shape: [5, 4, 4])
        let cells = componentPicture(values)
        #expect(cells.width == 4 && cells.height == 5)
        #expect(cells.resized(width: 24, height: 30, using: .nearest).pixels == expected.pixels)
        // Fewer components, and a cell without any.
        func picture(_ values: [Float], _ components: Int) -> [UInt8] {
            componentPicture(Tensor(values, shape: [1, values.count / components, components]))
                .pixels
        }
        #expect(picture([0, .nan, 2, 1], 1) == [0, 0, 0, 0, 0, 0, 255, 255, 255, 127, 127, 127])
        #expect(picture([0, 5, 1, 5], 2) == [0, 0, 0, 255, 0, 0])
    }

    /// Missing, inconsistent and non-finite tensors are rejected.
    @Test func savedBasisReadsBackEqual() throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("basis-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let points = Tensor(noise(300, seed: 1), shape: [50, 6])
        let plain = try PrincipalBasis(of: [points], count: 3)
        let separated = try PrincipalBasis(
            of: [points], foregroundBy: [Tensor(noise(50, seed: 2), shape: [50])], count: 2)
        for basis in [plain, separated] {
            try basis.write(to: path, metadata: ["layer": "3"])
            #expect(try PrincipalBasis(contentsOf: path) == basis)
            #expect(try TensorFile(contentsOf: path).metadata["layer"] == "3")
        }
        let file = try TensorFile(contentsOf: path)
        let tensors = try Dictionary(
            uniqueKeysWithValues: file.names.map { ($0, try file.tensor(named: $0)) })
        func change(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) throws {
            var tensors = tensors
            var tensor = try #require(tensors[name])
            tensor.withUnsafeMutableElements { body($0) }
            tensors[name] = tensor
            try Safetensors.write(tensors, to: path)
            let error = #expect(throws: TensorFileError.self) {
                try PrincipalBasis(contentsOf: path)
            }
            #expect(error?.description.contains(name) == true)
        }
        // Directions that are not of unit length or not orthogonal, and variances that contradict their sum.
        try change("directions") { $0[2] += 0.1 }
        try change("separator.directions") { for i in $0.indices { $0[i] *= 2 } }
        try change("directions") { for i in 0..<6 { $0[i] = $0[6 + i] } }
        try change("variances") { $0[1] = -1e-6 }
        try change("separator.variances") { $0[1] = 0 }
        for name in tensors.keys where name != "separator.threshold" {
            for broken in [
                nil, Tensor(repeating: 0, shape: [5]),
                Tensor(repeating: .nan, shape: try #require(file.shape(of: name))),
            ] {
                var tensors = tensors
                tensors[name] = broken
                try Safetensors.write(tensors, to: path)
                let error = #expect(throws: TensorFileError.self) {
                    try PrincipalBasis(contentsOf: path)
                }
                #expect(error?.description.hasPrefix(path) == true)
            }
        }
    }
}
