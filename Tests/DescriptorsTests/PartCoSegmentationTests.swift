import Descriptors
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct PartCoSegmentationTests {
    let fixture: SegmentationFixture

    init() throws {
        fixture = try SegmentationFixture()
    }

    private func options(seed: UInt64, three: Bool) -> PartCoSegmentation.Options {
        var options = PartCoSegmentation.Options()
        options.foreground = SegmentationFixture.options(seed: seed)
        options.parts = 3
        options.stages = three ? .three() : .two
        return options
    }

    /// PyTorch's nearest-neighbour sampling, by which the reference enlarges distances and reduces labels: the grid is
    /// stretched over the picture, and each pixel takes the sample at its upper left corner.
    private func stretched(_ picture: SegmentationFeatures) -> CellSampling {
        func sources(_ count: Int, for results: Int) -> [Int] {
            let step = Float(count) / Float(results)
            return (0..<results).map { min(Int(Float($0) * step), count - 1) }
        }
        let grid = picture.descriptors.grid
        let (width, height) = (picture.image.width, picture.image.height)
        return CellSampling(
            rows: sources(grid.rows, for: height), columns: sources(grid.columns, for: width),
            pixelRows: sources(height, for: grid.rows),
            pixelColumns: sources(width, for: grid.columns))
    }

    @Test(arguments: [1234, 7] as [UInt64], ["two", "three"])
    func partsMatchReference(seed: UInt64, stages: String) throws {
        let model = PartCoSegmentation(
            fitting: fixture.pictures, crops: [],
            options: options(seed: seed, three: stages == "three"), sampling: stretched)
        let centres = try fixture.tensor("\(seed).centres.\(stages)")
        #expect(model.parts.shape == centres.shape)
        #expect(greatestDifference(model.parts.elements, centres.elements) < 1e-4)
        let labels = fixture.pictures.flatMap { model.labels(of: $0, by: stretched($0)).labels }
        // The dense CRF's filters are approximate on both sides.
        #expect(agreement(labels, try fixture.labels("\(seed).parts.\(stages)")) > 0.995)
        // Background: the non-salient clusters of the first stage and, with three stages, the objects that are not in
        // every picture.
        let objects = try fixture.labels("\(seed).objects")
        let salient = try fixture.labels("\(seed).salient").count { $0 == 0 }
        let others = stages == "three" ? Int(objects[0] - objects[1]) : 0
        #expect(model.background.shape == [salient + others, 12])
    }

    @Test func acceptsNoForegroundOrBackground() {
        var all = options(seed: 1, three: false)
        all.foreground.threshold = -1
        all.foreground.votePercentage = 0
        let full = PartCoSegmentation(fitting: fixture.pictures, options: all)
        #expect(full.background.shape == [0, 12])
        #expect(full.labels(of: fixture.pictures[0]).labels.allSatisfy { 1...3 ~= $0 })
        for three in [false, true] {
            var none = options(seed: 1, three: three)
            none.foreground.threshold = 2
            let empty = PartCoSegmentation(fitting: fixture.pictures, options: none)
            #expect(empty.parts.shape == [0, 12])
            #expect(empty.labels(of: fixture.pictures[0]).labels.allSatisfy { $0 == 0 })
        }
    }

    /// Crops have no saliency, so that the pictures alone decide which clusters are foreground.
    @Test func cropsAreClusteredButDoNotVote() {
        let crops = fixture.pictures.map {
            SegmentationFeatures(descriptors: $0.descriptors, saliency: nil, image: $0.image)
        }
        for three in [false, true] {
            let options = options(seed: 1234, three: three)
            let plain = PartCoSegmentation(fitting: fixture.pictures, options: options)
            // The same points twice start from other seeds and give other centres, but the same number of parts.
            let model = PartCoSegmentation(
                fitting: fixture.pictures, crops: crops, options: options)
            #expect(model.parts.shape == [3, 12])
            #expect(model.parts != plain.parts)
        }
    }

    @Test func cropsHaveNearlyPictureSizeAndDependOnSeed() {
        var options = PartCoSegmentation.Options()
        options.crops = 3
        // Each pixel encodes its position.
        let pixels = (0..<2400).flatMap { (index: Int) -> [UInt8] in
            [UInt8(index % 60), UInt8(index / 60), 0]
        }
        let image = Image(width: 60, height: 40, pixels: pixels)
        let crops = options.crops(of: image, index: 2)
        #expect(crops.count == 6)
        var corners = Set<[UInt8]>()
        for (index, crop) in crops.enumerated() {
            #expect(crop.width == 57 && crop.height == 38)
            let corner = crop[0, 0]
            corners.insert([corner.red, corner.green])
            let step = index % 2 == 0 ? 1 : -1
            #expect(Int(crop[56, 37].red) == Int(corner.red) + 56 * step)
            #expect(crop[56, 37].green == corner.green + 37)
        }
        #expect(corners.count > 1)
        #expect(options.crops(of: image, index: 2) == crops)
        #expect(options.crops(of: image, index: 3) != crops)
        options.foreground.seed = 9
        #expect(options.crops(of: image, index: 2) != crops)
    }

    @Test func resultsAreIdenticalForAnyThreadCount() {
        let before = Parallelism.threadCount
        defer { Parallelism.threadCount = before }
        let results = [1, 2, 5].map { threads in
            Parallelism.threadCount = threads
            let model = PartCoSegmentation(
                fitting: fixture.pictures, options: options(seed: 3, three: true))
            return (model.parts, fixture.pictures.map(model.labels(of:)))
        }
        for result in results {
            #expect(result.0 == results[0].0 && result.1 == results[0].1)
        }
    }

    /// Options beyond their bounds and tensors that do not fit are rejected.
    @Test func savedModelReadsBackEqual() throws {
        let model = PartCoSegmentation(
            fitting: fixture.pictures, options: options(seed: 3, three: true))
        let file = TemporaryFile()
        try model.write(to: file.path)
        let read = try PartCoSegmentation(contentsOf: file.path)
        #expect(read.options == model.options)
        #expect(read.parts == model.parts && read.background == model.background)
        for (change, found): ((inout PartCoSegmentation.Options) -> Void, String) in [
            ({ $0.refinement?.iterations = 1 << 40 }, "iterations of the CRF 1099511627776"),
            ({ $0.refinement?.colourDeviation = 0.9 }, "colour deviation of the CRF 0.9"),
            ({ $0.refinement?.gaussianDeviation = 0.4 }, "deviation of the CRF 0.4"),
            ({ $0.refinement?.bilateralWeight = -1 }, "weight of the CRF -1.0"),
            ({ $0.crops = .max }, "crops of a picture"),
            ({ $0.parts = 256 }, "number of parts 256"),
            ({ $0.foreground.elbow = 3 }, "elbow 3.0"),
            ({ $0.stages = .three(elbow: -1) }, "elbow -1.0"),
        ] {
            var options = model.options
            options.refinement = DenseCRF()
            change(&options)
            let json = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
            let other = TemporaryFile()
            try Safetensors.write(
                ["parts": model.parts, "background": model.background],
                metadata: ["model": "part co-segmentation", "options": json], to: other.path)
            #expect { try PartCoSegmentation(contentsOf: other.path) } throws: { error in
                "\(error)".hasPrefix(other.path) && "\(error)".contains(found)
            }
        }
        let few = Tensor(repeating: 0, shape: [2, 11])
        for (parts, background, found) in [
            (Tensor(repeating: 0, shape: [300, 12]), few, "parts has 300 rows"),
            (model.parts, few, "background is 2x11; expected a matrix of 12 channels"),
        ] {
            let options = try TensorFile(contentsOf: file.path).metadata
            try Safetensors.write(
                ["parts": parts, "background": background], metadata: options, to: file.path)
            #expect { try PartCoSegmentation(contentsOf: file.path) } throws: { error in
                "\(error)".hasPrefix(file.path) && "\(error)".contains(found)
            }
        }
    }
}
