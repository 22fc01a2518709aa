import DINO
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct LinearEvaluationTests {
    /// Pictures of two classes: 7 to train on, 5 to test with.
    private struct Pictures {
        let folder: TemporaryFolder

        /// - Parameter picture: each, from its number.
        init(_ picture: (Int) -> Image) throws {
            folder = try TemporaryFolder()
            for number in 0..<12 {
                try folder.write(picture(number), to: Pictures.name(number))
            }
        }

        static func name(_ number: Int) -> String {
            "\(number < 7 ? "train" : "test")/\(number % 2 == 0 ? "even" : "odd")/\(number).png"
        }

        func labelled() throws -> (train: LabelledPictures, test: LabelledPictures) {
            let train = try LabelledPictures(PictureFolder(folder.path + "/train"))
            let test = try LabelledPictures(
                PictureFolder(folder.path + "/test"), classesOf: train)
            return (train, test)
        }

        func breakPicture(_ number: Int) throws {
            try folder.write("no picture".utf8, to: Pictures.name(number))
        }
    }

    private static func evenly(_ number: Int) -> Image {
        Image(
            width: 20 + number, height: 30 - number,
            colour: Colour(red: UInt8(20 * number), green: 200, blue: UInt8(250 - 20 * number)))
    }

    private static func noisily(_ number: Int) -> Image {
        var generator = SplitMix64(seed: UInt64(number))
        let pixels = (0..<20 * 24 * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return Image(width: 20, height: 24, pixels: pixels)
    }

    private struct Run {
        var epochs: [LinearEvaluation.Epoch] = []
        var pictures = 0
        var skipped: (train: [SkippedPicture], test: [SkippedPicture]) = ([], [])
        var classifier: Linear
    }

    private func run(
        _ pictures: Pictures, _ change: (inout LinearEvaluation) -> Void
    ) throws -> Run {
        let network = try VisionTransformer(
            contentsOf: EvaluationFixtures.path("network.safetensors"), heads: 2)
        var evaluation = LinearEvaluation()
        evaluation.embedding = FrozenEmbedding(lastBlocks: 2)
        evaluation.view = CentreView(loadSize: 18, cropSize: 16)
        evaluation.options.epochs = 4
        evaluation.options.learningRate = 10
        evaluation.options.batchSize = 3
        change(&evaluation)
        let (train, test) = try pictures.labelled()
        var result = Run(
            classifier: Linear(weight: Tensor([], shape: [0, 0]), bias: Tensor([], shape: [0])))
        result.classifier = try evaluation(network, train: train, test: test) { event in
            switch event {
            case .pictures(let count): result.pictures += count
            case .epoch(let epoch, let skipped):
                result.epochs.append(epoch)
                result.skipped = skipped
            }
        }.classifier
        if result.skipped.train.isEmpty && result.skipped.test.isEmpty {
            #expect(result.pictures == evaluation.pictureCount(train: train, test: test))
        }
        return result
    }

    /// Whatever part of a picture of one colour is shown, it is the same.
    @Test func partsOfEvenPictures() throws {
        let pictures = try Pictures(Self.evenly)
        let augmented = try run(pictures) { _ in }
        let fixed = try run(pictures) { $0.isAugmented = false }
        #expect(augmented.epochs == fixed.epochs)
        #expect(augmented.classifier.weight == fixed.classifier.weight)
        #expect(augmented.pictures == 5 + 4 * 7 && fixed.pictures == 5 + 7)
        #expect(fixed.epochs[3].trainLoss < fixed.epochs[0].trainLoss)
    }

    /// With a rate of next to nothing and all pictures in one step, only the views make a difference.
    @Test func viewsOfEachEpoch() throws {
        let pictures = try Pictures(Self.noisily)
        func losses(_ change: (inout LinearEvaluation) -> Void = { _ in }) throws -> [Double] {
            try run(pictures) {
                $0.options.learningRate = 1e-30
                $0.options.batchSize = 7
                change(&$0)
            }.epochs.map(\.trainLoss)
        }
        let fixed = try losses { $0.isAugmented = false }
        // The same sum in another order.
        #expect(fixed.allSatisfy { abs($0 - fixed[0]) < 1e-6 })
        let augmented = try losses()
        #expect(zip(augmented, augmented.dropFirst()).allSatisfy { abs($0 - $1) > 1e-5 })
        #expect(try losses() == augmented)
        #expect(try losses { $0.seed = 1 } != augmented)
    }

    /// A picture whose red tells the column and whose green the row shows which part is seen.
    @Test func partsThatAreShown() {
        var photo = Image(width: 240, height: 240)
        for column in 0..<240 {
            for row in 0..<240 {
                photo[column, row] = Colour(red: UInt8(column), green: UInt8(row), blue: 0)
            }
        }
        var evaluation = LinearEvaluation()
        evaluation.view = CentreView(loadSize: 18, cropSize: 16)
        var areas: [Double] = []
        var mirrored = 0
        for epoch in 0..<400 {
            let view = evaluation.augmentedView(
                of: photo, index: 3, epoch: epoch, for: .small())
            #expect(view.shape == [3, 16, 16])
            // From the first row or column to the last, in pixels; sixteen fifteenths are shown.
            func extent(_ channel: Int) -> Double {
                let scale = 255 * Double(Normalization.imageNet.standardDeviation[channel])
                return Double(view[channel, 15, 15] - view[channel, 0, 0]) * scale * 16 / 15
            }
            if extent(0) < 0 { mirrored += 1 }
            areas.append(abs(extent(0) * extent(1)) / (240 * 240))
        }
        // Levels are whole, and bilinear weights end at the edges: some pixels of at least 60.
        #expect(areas.allSatisfy { $0 > 0.06 && $0 < 1.1 })
        #expect(areas.contains { $0 < 0.15 } && areas.contains { $0 > 0.9 })
        // torchvision's mean is 0.478 with a deviation of 0.234 / 20 over 400, and 200 are mirrored with
        // one of 10: five of them, and some for the edges' weights.
        #expect(abs(areas.reduce(0, +) / 400 - 0.478) < 0.08)
        #expect(abs(mirrored - 200) < 50)
    }

    @Test func brokenPictures() throws {
        let pictures = try Pictures(Self.noisily)
        try pictures.breakPicture(2)
        try pictures.breakPicture(9)
        for isAugmented in [true, false] {
            let run = try run(pictures) { $0.isAugmented = isAugmented }
            #expect(run.epochs.count == 4)
            #expect(run.skipped.train.count == 1 && run.skipped.test.count == 1)
            #expect(run.skipped.train.first?.path.hasSuffix("train/even/2.png") == true)
        }
        for number in 0..<7 { try pictures.breakPicture(number) }
        for isAugmented in [true, false] {
            #expect {
                _ = try run(pictures) { $0.isAugmented = isAugmented }
            } throws: { error in
                guard case EvaluationError.nothingReadable(_, 7, _) = error else { return false }
                return true
            }
        }
    }

    @Test func brokenWeights() throws {
        let pictures = try Pictures(Self.evenly)
        var network = try VisionTransformer(
            contentsOf: EvaluationFixtures.path("network.safetensors"), heads: 2)
        network.norm.bias = Tensor(repeating: .nan, shape: network.norm.bias.shape)
        let train = try pictures.labelled().train
        #expect(throws: EvaluationError.notFinite(picture: train.paths[0])) {
            _ = try PictureFeatures(
                of: train, network: network, view: CentreView(loadSize: 18, cropSize: 16))
        }
    }
}
