import Images
import Tensors

/// The random parameters of one crop, already drawn.
package struct CropChoices: Hashable, Sendable {
    /// An adjustment of colours, with its factor or, for the hue, its rotation as a share of the circle.
    package enum Adjustment: Hashable, Sendable {
        case brightness(Float)
        case contrast(Float)
        case saturation(Float)
        case hue(Double)
    }

    /// The part of the picture to show.
    package var part: Box
    /// Whether the crop is flipped horizontally.
    package var mirrored: Bool
    /// Colour adjustments, in the order of their application.
    package var adjustments: [Adjustment]
    /// Whether colours are removed.
    package var grayscale: Bool
    /// The standard deviation of the blur in pixels; nil for none.
    package var blurRadius: Float?
    /// Whether the crop is solarised.
    package var solarized: Bool

    package init(
        part: Box, mirrored: Bool, adjustments: [Adjustment], grayscale: Bool, blurRadius: Float?,
        solarized: Bool
    ) {
        self.part = part
        self.mirrored = mirrored
        self.adjustments = adjustments
        self.grayscale = grayscale
        self.blurRadius = blurRadius
        self.solarized = solarized
    }

    /// Makes the crop, with the steps of `DataAugmentationDINO` in their order.
    package func view(of image: Image, side: Int) -> Image {
        var view = image.resizedCrop(
            part, width: side, height: side, using: .bicubic, mirrored: mirrored)
        for adjustment in adjustments {
            switch adjustment {
            case .brightness(let factor): view.adjustBrightness(by: factor)
            case .contrast(let factor): view.adjustContrast(by: factor)
            case .saturation(let factor): view.adjustSaturation(by: factor)
            case .hue(let turn): view.adjustHue(by: turn)
            }
        }
        if grayscale { view.convertToGrayscale() }
        if let blurRadius { view.blur(radius: blurRadius) }
        if solarized { view.solarize() }
        return view
    }
}

extension MultiCrop {
    /// Draws the parameters of one crop.
    package func choices(
        for image: Image, scale: ClosedRange<Double>, finish: Finish,
        using generator: inout some RandomNumberGenerator
    ) -> CropChoices {
        let part = RandomResizedCrop(scale: scale).part(
            ofWidth: image.width, height: image.height, using: &generator)
        func happens(_ probability: Double) -> Bool { generator.nextUniform() < probability }
        return CropChoices(
            part: part,
            mirrored: happens(mirroring),
            adjustments: happens(jitter.probability) ? jitter.adjustments(using: &generator) : [],
            grayscale: happens(grayscale),
            blurRadius: happens(finish.blur)
                ? Float(generator.nextUniform(in: blurRadius)) : nil,
            solarized: happens(finish.solarization))
    }
}

extension MultiCrop.ColourJitter {
    /// Draws the four adjustments in random order, without those of strength 0.
    fileprivate func adjustments(
        using generator: inout some RandomNumberGenerator
    ) -> [CropChoices.Adjustment] {
        func factor(_ strength: Double) -> Float {
            Float(generator.nextUniform(in: max(0, 1 - strength)...1 + strength))
        }
        var all: [CropChoices.Adjustment] = []
        if brightness > 0 { all.append(.brightness(factor(brightness))) }
        if contrast > 0 { all.append(.contrast(factor(contrast))) }
        if saturation > 0 { all.append(.saturation(factor(saturation))) }
        if hue > 0 { all.append(.hue(generator.nextUniform(in: -hue...hue))) }
        generator.shuffle(&all)
        return all
    }
}

extension RandomNumberGenerator {
    /// A Fisher-Yates shuffle that gives the same order in every version of the standard library.
    mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, nextIndex(below: last + 1))
        }
    }
}
