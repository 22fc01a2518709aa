import Descriptors
import Images
import Tensors
import ViT

// Step 1: extract descriptors.
/// A grid of descriptors for each photo.
func descriptorGrids(of photos: [Image]) throws -> [DescriptorGrid] {
    let network = try VisionTransformer.bundled()
    let layer = network.configuration.depth * 3 / 4
    let extractor = Extractor(network, FeatureOptions(layer: layer))
    return try extractor.descriptors(of: photos)
}

// Step 2: find the counterpart of a point.
/// The point of another photo that is most similar to a point of the example.
func counterpart(
    of pixel: DescriptorGrid.Pixel, of example: DescriptorGrid, in grid: DescriptorGrid
) -> DescriptorGrid.Pixel? {
    let descriptor = example[example.cell(at: pixel)]
    return grid.nearest(to: descriptor).first.map { grid.pixel(of: $0.cell) }
}

// Step 3: label every pixel.
/// A point that the user clicked, and the label that was chosen for it.
struct Click {
    var pixel: DescriptorGrid.Pixel
    var label: Int
}

/// Labels a photo: each cell gets the label of the click that it is most similar to.
func label(
    _ grid: DescriptorGrid, by clicks: [Click], on example: DescriptorGrid
) -> LabelMap {
    let descriptors = clicks.map { click in
        example[example.cell(at: click.pixel)].reshaped(to: [1, example.channels])
    }
    let similarities = grid.similarities(to: .concatenated(descriptors))
    return grid.labelMap(similarities.argmax().map { clicks[$0].label })
}

// Step 4: write the labels.
/// Writes the labels as a mask, and drawn over the photo.
func save(_ map: LabelMap, of photo: Image, in folder: String) throws {
    try map.write(to: "\(folder)/labels.png")
    let palette = LabelMap.palette(parts: Int(map.labels.max() ?? 0))
    try map.drawn(over: photo, palette: palette, strength: 0.6)
        .writePNG(to: "\(folder)/overlay.png")
}
