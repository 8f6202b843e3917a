"""FHIR: the page as a Questionnaire, an answer as a QuestionnaireResponse."""
