import DINO
import Images
import Tensors
import ViT

// Step 1: supply the pictures.
/// The tiles of a scan that is too large for a network.
struct Tiles: PictureSource {
    let scan: Image
    let side: Int

    var name: String { "the scan" }
    var count: Int { (scan.width / side) * (scan.height / side) }

    func picture(at index: Int) -> Image {
        let (row, column) = index.quotientAndRemainder(dividingBy: scan.width / side)
        return scan.cropped(to: Box(x: column * side, y: row * side, width: side, height: side))
    }
}

// Step 2: augment them.
/// Crops of pictures in random orientation: in a scan, no side is up.
struct TurnedCrops: ViewMaker {
    var crops: MultiCrop

    func emptyBatch(count: Int) -> MultiCropBatch { crops.emptyBatch(count: count) }

    func writeCrops(
        of image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout some RandomNumberGenerator
    ) {
        var image = image
        for _ in 0..<generator.nextIndex(below: 4) { image = image.turned() }
        crops.writeCrops(of: image, to: &batch, at: index, using: &generator)
    }
}

extension Image {
    /// The picture turned clockwise by a right angle.
    func turned() -> Image {
        var result = Image(width: height, height: width)
        for row in 0..<height {
            for column in 0..<width { result[height - 1 - row, column] = self[column, row] }
        }
        return result
    }
}

// Step 3: load batches.
/// Trains a network, and logs step, loss and rank as CSV.
func train(
    on pictures: some PictureSource, log: inout some TextOutputStream,
    configuration: TrainingConfiguration = TrainingConfiguration(preset: .quick)
) throws -> VisionTransformer {
    let options = configuration.options
    let source = BatchSource(
        pictures, views: TurnedCrops(crops: configuration.crops),
        batchSize: configuration.batchSize, seed: options.seed)
    let loader = BatchLoader(source)

    // Step 4: train.
    var trainer = DINOTrainer(
        options, batchSize: source.batchSize, stepsPerEpoch: source.stepsPerEpoch)
    while !trainer.isComplete {
        let report = try trainer.step(loader.next())
        print(report.step, report.loss, report.rank, separator: ",", to: &log)
    }
    return trainer.teacher.backbone
}
